import type { Weights } from "@vitrail/hub";
import {
  type ImageModel,
  isCheckpointMismatch,
  loadModel,
  type ModelSpec,
  type PartSpec,
  withStatedArgs,
} from "@vitrail/layers";
import { ClassifyError } from "./errors.ts";

/** A model of any kind, for tables of models whose configurations differ. */
export type AnyModelSpec = PartSpec & Pick<ModelSpec<unknown, ImageModel>, "weights">;

/** Settings of `load`. */
export interface LoadOptions<C = unknown> {
  /**
   * The number of classes you want. Where the checkpoint's classifier has another number, the model gets a fresh one (said once
   * through `onNote`): the first step of training on classes of your own. Without it, a classifier of another size is an error.
   */
  readonly numClasses?: number;
  /**
   * What is wanted otherwise than the weights are: image size, patch size, channels, pooling, dropout. The weights are adapted as timm
   * adapts them; see `loadModel` of `@vitrail/layers`.
   */
  readonly config?: Partial<C>;
  /** Told, in one line each, what was decided for you. */
  readonly onNote?: (message: string) => void;
}

/** Builds a model from opened weights. The caller closes them. */
export function build<C, M extends ImageModel>(
  spec: ModelSpec<C, M>,
  weights: Weights,
  { numClasses, config, onNote }: LoadOptions<C> = {},
): M {
  if (numClasses !== undefined && !(Number.isSafeInteger(numClasses) && numClasses > 0)) {
    throw new ClassifyError("bad-option", `numClasses is ${numClasses}; it must be a whole number above 0`);
  }
  for (const note of weights.notes) onNote?.(`${weights.id}: ${note}`);
  return explained(spec.name, weights, () => {
    if (numClasses === undefined) return loadModel(asStated(spec, weights), weights.tensors, { config });
    return loadModel(withStatedArgs(spec, weights.config), weights.tensors, {
      numClasses,
      config,
      onFreshHead: (message) => onNote?.(message),
    });
  });
}

/** Builds a model without a classifier from opened weights, whatever classifier they have. The caller closes them. */
export function buildFeatures<C, M extends ImageModel>(spec: ModelSpec<C, M>, weights: Weights): M {
  return explained(spec.name, weights, () =>
    loadModel(withStatedArgs(spec, weights.config), weights.tensors, { numClasses: 0 }),
  );
}

/** A mismatch says what the checkpoint looks like; sizes that make no model are the mistake of whoever states them. */
function explained<M>(model: string, weights: Weights, load: () => M): M {
  try {
    return load();
  } catch (error) {
    if (isCheckpointMismatch(error)) error.message = withLooks(error.message, model, weights);
    if (error instanceof RangeError) throw new ClassifyError("bad-config", error.message, { cause: error });
    throw error;
  }
}

/**
 * The model that a folder's config.json describes (a fine-tuned one of other classes, another image size, say): that is the one to
 * build, strictly.
 */
function asStated<S extends PartSpec>(spec: S, { config }: Pick<Weights, "config">): S {
  if (!config) return spec;
  const stated = withStatedArgs(spec, config);
  return { ...stated, config: stated.withClasses(stated.config as never, config.numClasses) };
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
