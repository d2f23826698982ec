/** What the entries for Node and for browsers have in common. */
import { type OpenOptions, openWeights, type WeightsInput } from "@vitrail/hub";
import type { ImageModel, ModelSpec } from "@vitrail/layers";
import { backendFor } from "./create.ts";
import { type LoadOptions as BuildOptions, build } from "./load.ts";

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

/**
 * Loads a model alone: to look inside, to take features from, to train on. Starts the "auto" backend if none runs yet.
 *
 * @param spec which model, e.g. `vit_tiny_patch16_224`
 * @param source a name on the hub, an entry of the model's table, a folder, a file, an address: see `openWeights` of `@vitrail/hub`
 * @returns the model; `model.dispose()` frees its weights
 * @throws "checkpoint-mismatch" where the checkpoint is another model's or its classifier has another size
 * @example
 * const model = await load(resnet50, resnet50.weights.a1_in1k); // an unknown tag does not compile
 * const other = await load(vit_tiny_patch16_224, "path/to/folder", { numClasses: 5, onNote: console.warn });
 * const grey = await load(vit_tiny_patch16_224, "path/to/folder", { config: { imgSize: [96, 160], inChans: 1 }, numClasses: 4 });
 */
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
