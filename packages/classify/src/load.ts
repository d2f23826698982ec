import type { Weights } from "@vitrail/hub";
import { type ImageModel, isCheckpointMismatch, loadModel, type ModelSpec, type PartSpec } from "@vitrail/layers";
import { ClassifyError } from "./errors.ts";

/** A model of any kind, for tables of models whose configurations differ. */
export type AnyModelSpec = PartSpec & Pick<ModelSpec<unknown, ImageModel>, "weights">;

/** Settings of `load`. */
export interface LoadOptions {
  /**
   * The number of classes you want. Where the checkpoint's classifier has another number, the model gets a fresh one (said once
   * through `onNote`): the first step of training on classes of your own. Without it, a classifier of another size is an error.
   */
  readonly numClasses?: number;
  /** Told, in one line each, what was decided for you. */
  readonly onNote?: (message: string) => void;
}

/** Builds a model from opened weights. The caller closes them. */
export function build<C, M extends ImageModel>(
  spec: ModelSpec<C, M>,
  weights: Weights,
  { numClasses, onNote }: LoadOptions = {},
): M {
  if (numClasses !== undefined && !(Number.isSafeInteger(numClasses) && numClasses > 0)) {
    throw new ClassifyError("bad-option", `numClasses is ${numClasses}; it must be a whole number above 0`);
  }
  for (const note of weights.notes) onNote?.(`${weights.id}: ${note}`);
  try {
    if (numClasses !== undefined) {
      return loadModel(spec, weights.tensors, { numClasses, onFreshHead: (message) => onNote?.(message) });
    }
    // The folder says how many classes its checkpoint tells apart (a fine-tuned one, say): that is the model to build, strictly.
    const stated = weights.config?.numClasses;
    const asStated = stated === undefined ? spec : { ...spec, config: spec.withClasses(spec.config, stated) };
    return loadModel(asStated, weights.tensors);
  } catch (error) {
    if (isCheckpointMismatch(error)) error.message = withLooks(error.message, spec.name, weights);
    throw error;
  }
}

/** The first line of a list of what does not fit says what the checkpoint looks like, where that is known. */
function withLooks(message: string, model: string, { looksLike }: Weights): string {
  const [first = "", ...rest] = message.split("\n");
  if (looksLike === undefined) return message;
  return [
    first.replace(/; is it another model's\?$/, `: it looks like ${looksLike}, the model is ${model}`),
    ...rest,
  ].join("\n");
}
