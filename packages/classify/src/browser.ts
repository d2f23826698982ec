/**
 * Photos to labels in a browser: the same as in Node without its file system and without sharp. A string is an address.
 * @module
 */
import { decode, evalTransform } from "@vitrail/data";
import { type OpenOptions, openWeights, type WeightsInput } from "@vitrail/hub";
import type { ImageModel, ModelSpec, Preprocess } from "@vitrail/layers";
import {
  backendFor,
  type ClassifierOptions as ClassifierOptionsOf,
  createClassifierOn,
  createEmbedderOn,
  type Platform,
} from "./create.ts";
import { type LoadOptions as BuildOptions, build } from "./load.ts";
import { open } from "./photo.ts";
import type { Preprocessor } from "./rows.ts";
import type { Classifier, Embedder } from "./types.ts";

export type { WeightsInput } from "@vitrail/hub";
export type { EngineInfo } from "./engine.ts";
export { ClassifyError, type ClassifyErrorCode } from "./errors.ts";
export type { AnyModelSpec } from "./load.ts";
export { type OpenSet, openSetScore } from "./open-set.ts";
export type {
  Answer,
  BlobLike,
  Classifier,
  ClassifyOptions,
  Embedder,
  EmbedOutcome,
  ImageDataLike,
  Outcome,
  Photo,
  PhotoOptions,
  Prediction,
} from "./types.ts";

/** Settings of {@link load}. */
export interface LoadOptions<C = unknown> extends BuildOptions<C> {
  /** How weights are fetched that are not on this machine: progress, token, offline, time-outs. */
  readonly hub?: OpenOptions;
}

/** Settings of {@link createClassifier} and {@link createEmbedder}. */
export type ClassifierOptions = ClassifierOptionsOf<WeightsInput>;

/** Loads a model alone; see the entry for Node. */
export async function load<C, M extends ImageModel>(
  spec: ModelSpec<C, M>,
  source: WeightsInput,
  options: LoadOptions<C> = {},
): Promise<M> {
  await backendFor(undefined);
  const weights = await openWeights(source, options.hub);
  try {
    return build(spec, weights, options);
  } finally {
    weights.close();
  }
}

/** Makes a classifier; see the entry for Node. Run it in a worker, so that the page stays alive during a forward pass. */
export function createClassifier(options: ClassifierOptions): Promise<Classifier> {
  return createClassifierOn(platform, options);
}

/** Makes an embedder; see the entry for Node. */
export function createEmbedder(options: ClassifierOptions): Promise<Embedder> {
  return createEmbedderOn(platform, options);
}

const platform: Platform<WeightsInput> = {
  openWeights,
  preprocessor,
  jit: () => import("@vitrail/jit"), // only where it is asked for
};

function preprocessor(preprocess: Preprocess): Preprocessor {
  const transform = evalTransform(preprocess);
  return {
    ahead: 1,
    async prepare(photo, options) {
      const opened = await open(photo);
      return transform("bytes" in opened ? await decode(opened.bytes, { ...options, name: opened.name }) : opened);
    },
    async dispose() {},
  };
}
