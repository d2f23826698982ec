/**
 * Photos to labels: a model, its weights, their preprocessing and their labels as one function. This is the entry for Node; browsers
 * get `browser.ts` through the package's export conditions.
 * @module
 */
import { decode, evalTransform } from "@vitrail/data";
import { openWeights, type WeightsSource } from "@vitrail/hub";
import type { ImageModel, ModelSpec, Preprocess } from "@vitrail/layers";
import type { Preprocessor } from "./classifier.ts";
import { backendFor, type ClassifierOptions as ClassifierOptionsOf, createClassifierOn } from "./create.ts";
import { build, type LoadOptions } from "./load.ts";
import { open } from "./photo.ts";
import type { Classifier } from "./types.ts";

export { ClassifyError, type ClassifyErrorCode } from "./errors.ts";
export { imagenet1kLabels } from "./imagenet-1k-labels.ts";
export type { AnyModelSpec, LoadOptions } from "./load.ts";
export type { OpenSet } from "./open-set.ts";
export type {
  Answer,
  BlobLike,
  Classifier,
  ClassifyOptions,
  ImageDataLike,
  Outcome,
  Photo,
  Prediction,
} from "./types.ts";

/** Where weights come from: a folder or a file, by path or file URL, or another source of `@vitrail/hub`. */
export type WeightsInput = string | URL | WeightsSource;

/** Settings of {@link createClassifier}. */
export type ClassifierOptions = ClassifierOptionsOf<WeightsInput>;

/**
 * Loads a model alone: to look inside, to take features from, to train on. Starts the "auto" backend if none runs yet.
 *
 * @param spec which model, e.g. `vit_tiny_patch16_224`
 * @param source a weights folder or a bare checkpoint file
 * @returns the model; `model.dispose()` frees its weights
 * @throws "checkpoint-mismatch" where the checkpoint is another model's or its classifier has another size
 * @example
 * const model = await load(vit_tiny_patch16_224, "path/to/folder", { numClasses: 5, onNote: console.warn });
 */
export async function load<C, M extends ImageModel>(
  spec: ModelSpec<C, M>,
  source: WeightsInput,
  options: LoadOptions = {},
): Promise<M> {
  await backendFor(undefined);
  const weights = await openWeights(source);
  try {
    return build(spec, weights, options);
  } finally {
    weights.close();
  }
}

/**
 * Makes a classifier: the model of a weights folder with its own preprocessing and labels.
 *
 * @returns a classifier; several may live side by side
 * @throws where the weights are not there, broken, or another model's; where the backend cannot be used
 * @example
 * const classifier = await createClassifier({ model: vit_tiny_patch16_224, weights: "path/to/folder" });
 * const [best] = await classifier.classify("photo.jpg"); // { label, index, probability }
 */
export function createClassifier(options: ClassifierOptions): Promise<Classifier> {
  return createClassifierOn({ openWeights, preprocessor }, options);
}

function preprocessor(preprocess: Preprocess): Preprocessor {
  const transform = evalTransform(preprocess);
  return {
    ahead: 2,
    async prepare(photo, options) {
      const local =
        typeof photo === "string"
          ? !/^(https?|data|blob):/.test(photo)
          : photo instanceof URL && photo.protocol === "file:";
      if (local) return transform(await decode(photo as string | URL, options));
      const opened = await open(photo);
      return transform("bytes" in opened ? await decode(opened.bytes, { ...options, name: opened.name }) : opened);
    },
    dispose() {},
  };
}
