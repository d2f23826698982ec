/**
 * Photos to labels: a model, its weights, their preprocessing and their labels as one function. This is the entry for Node; browsers
 * get `browser.ts` through the package's export conditions.
 * @module
 */
import { availableParallelism } from "node:os";
import { createPreprocessor, evalTransform } from "@vitrail/data";
import type { Preprocess } from "@vitrail/layers";
import {
  type ClassifierOptions as CommonOptions,
  createClassifierOn,
  createEmbedderOn,
  type Prepares,
} from "./create.ts";
import { open } from "./photo.ts";
import type { Preprocessor } from "./rows.ts";
import type { Classifier, Embedder, Photo, PhotoOptions } from "./types.ts";

export * from "./shared.ts";

/** Settings of {@link createClassifier} and {@link createEmbedder}. */
export interface ClassifierOptions extends CommonOptions {
  /** Threads that decode and resample photos; they start when they are needed. 0: on the calling thread. Default: one a core. */
  readonly threads?: number;
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
  return createClassifierOn(preparesOn(options), options);
}

/**
 * Makes an embedder: the model of a weights folder without its classifier, with its own preprocessing. Weights without a
 * classifier will do.
 *
 * @throws where the weights are not there, broken, or another model's; where the backend cannot be used
 * @example
 * const embedder = await createEmbedder({ model: vit_tiny_patch16_224, weights: "path/to/folder" });
 * const features = await embedder.embed("photo.jpg"); // Float32Array of embedder.width numbers
 */
export function createEmbedder(options: ClassifierOptions): Promise<Embedder> {
  return createEmbedderOn(preparesOn(options), options);
}

const preparesOn =
  ({ threads }: ClassifierOptions): Prepares =>
  (preprocess) =>
    preprocessor(preprocess, threads);

/** Settings that a pool of threads is made with: calls that share them share a pool. */
type DecodeSettings = Pick<PhotoOptions, "maxPixels" | "orientation" | "icc">;

const MOST_POOLS = 4;

/** Decodes and resamples on worker threads, so that a server answers while a photo is prepared. Pixels are resampled on the spot. */
function preprocessor(preprocess: Preprocess, threads: number | undefined): Preprocessor {
  const transform = evalTransform(preprocess);
  const pools = new Map<string, ReturnType<typeof createPreprocessor>>();

  const poolFor = ({ maxPixels, orientation, icc }: DecodeSettings) => {
    const key = `${maxPixels} ${orientation} ${icc}`;
    const found = pools.get(key);
    if (found) return found;
    // settings that change with every call must not start threads with every call
    const count = pools.size < MOST_POOLS ? threads : 0;
    const pool = createPreprocessor({
      preprocess,
      maxPixels,
      orientation,
      icc,
      ...(count === undefined ? {} : { threads: count }),
    });
    if (pools.size < MOST_POOLS) pools.set(key, pool);
    return pool;
  };

  return {
    ahead: 2 * (threads ?? availableParallelism()),
    async prepare(photo, options) {
      const pool = poolFor(options);
      if (isLocal(photo)) return pool.one(photo);
      const opened = await open(photo);
      return "bytes" in opened ? pool.one(opened.bytes, opened.name) : transform(opened);
    },
    async dispose() {
      await Promise.all([...pools.values()].map((pool) => pool.dispose()));
    },
  };
}

/** A file of this machine, which a thread opens itself. */
function isLocal(photo: Photo): photo is string | URL {
  if (photo instanceof URL) return photo.protocol === "file:";
  return typeof photo === "string" && !/^(https?|data|blob):/i.test(photo);
}
