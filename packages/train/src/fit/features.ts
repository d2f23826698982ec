/** Training on what a frozen model makes of images: each image passes through it once, or once for each look at it. */
import { type Compiled, compile, type EngineOptions } from "@vitrail/jit";
import { createRng, type Tensor, type Tensor4D } from "@vitrail/tensor";
import type { Batch, BatchSource } from "./data.ts";
import { TrainError } from "./errors.ts";

/** The part of a model that stays as it is: images [B, …] -> features [B, D]. */
export interface Extractor {
  forward(x: Tensor4D): Tensor;
}

/** Features of all images of a source. */
export interface Features {
  /** D. */
  readonly length: number;
  /** `[N, D]` */
  readonly values: Float32Array;
  /** `[N]` class numbers. */
  readonly labels: Int32Array;
}

export interface ExtractOptions extends EngineOptions {
  /** Told how many images are done. */
  readonly onProgress?: (images: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `extractor`, compiled, over all images (epoch 0 of `source`, which has every one of them once), for a source that always
 * gives the same pixels.
 * @throws TrainError "bad-option" where images are missing
 */
export async function extractFeatures(
  extractor: Extractor,
  source: BatchSource,
  { onProgress, signal, ...engine }: ExtractOptions = {},
): Promise<Features> {
  const compiled = await compile(extractor, { ...engine, input: [null, ...source.shape] });
  const labels = new Int32Array(source.length).fill(-1);
  let values = new Float32Array();
  let length = 0;
  let done = 0;
  try {
    for await (const batch of source.epoch(0)) {
      signal?.throwIfAborted();
      const found = await compiled.run(batch.images);
      if (done === 0) {
        length = found.length / batch.size;
        values = new Float32Array(source.length * length);
      }
      for (let i = 0; i < batch.size; i++) {
        const index = batch.indices[i] as number;
        values.set(found.subarray(i * length, (i + 1) * length), index * length);
        labels[index] = batch.labels[i] as number;
      }
      done += batch.size;
      onProgress?.(done);
    }
  } finally {
    await compiled.dispose();
  }
  const missing = labels.indexOf(-1);
  if (missing >= 0) {
    throw new TrainError(
      "bad-option",
      `extractFeatures: expected all ${source.length} images, image ${missing} is missing`,
    );
  }
  return { length, values, labels };
}

/** Rows of `[N, length]` values, in the order of `indices`. */
export function rowsAt({ length, values }: Pick<Features, "length" | "values">, indices: Int32Array): Float32Array {
  const rows = new Float32Array(indices.length * length);
  indices.forEach((index, i) => {
    rows.set(values.subarray(index * length, (index + 1) * length), i * length);
  });
  return rows;
}

/** Batches of features that are kept: a seeded order for each epoch, or the stored one. */
export function featureBatches(
  features: Features,
  { batchSize, shuffle, seed = 0 }: { readonly batchSize: number; readonly shuffle: boolean; readonly seed?: number },
): BatchSource {
  const { length, labels } = features;
  const count = labels.length;
  const batches = shuffle ? Math.floor(count / batchSize) : Math.ceil(count / batchSize);
  return {
    length: count,
    batches,
    batchSize,
    shape: [length],
    async *epoch(epoch, { from = 0 } = {}) {
      const order = shuffle
        ? createRng(seed).at("shuffle").at(epoch).permutation(count)
        : Uint32Array.from({ length: count }, (_, i) => i);
      for (let b = from; b < batches; b++) {
        const indices = Int32Array.from(order.subarray(b * batchSize, (b + 1) * batchSize));
        const images = rowsAt(features, indices);
        yield { images, labels: indices.map((index) => labels[index] as number), indices, size: indices.length };
      }
    },
  };
}

/** A source's batches as features, computed anew for each batch: for images that look different every time. */
export async function featuresOf(
  extractor: Extractor,
  source: BatchSource,
  engine: EngineOptions = {},
): Promise<BatchSource & { dispose(): Promise<void> }> {
  const compiled: Compiled = await compile(extractor, { ...engine, input: [null, ...source.shape] });
  const { length, batches, batchSize, targetClasses, shape } = source;
  const blank = new Float32Array(shape.reduce((a, b) => a * b));
  const features = (await compiled.run(blank)).length;
  return {
    length,
    batches,
    batchSize,
    targetClasses,
    shape: [features],
    async *epoch(epoch, options) {
      for await (const batch of source.epoch(epoch, options)) {
        yield { ...batch, images: await compiled.run(batch.images) } satisfies Batch;
      }
    },
    dispose: () => compiled.dispose(),
  };
}
