/** What the tests of `fit` share: pictures that a few steps learn, and a network that is small enough. */
import { createModel, type ImageModel, type ModelSpec } from "@vitrail/layers";
import { resnet20_cifar } from "@vitrail/resnet";
import { createRng } from "@vitrail/tensor";
import { vit_tiny_patch16_224 } from "@vitrail/vit";
import type { Batch, BatchSource } from "./fit/data.ts";

export const SIDE = 8;
const CLASSES = 3;

/** Noise with a stripe whose place is the class. */
export function stripes(
  count: number,
  {
    batchSize = 4,
    seed = 0,
    shuffle = true,
    soft = false,
  }: { batchSize?: number; seed?: number; shuffle?: boolean; soft?: boolean } = {},
): BatchSource {
  const pixels = SIDE * SIDE * 3;
  const picture = (index: number): Float32Array => {
    const values = createRng(seed)
      .at("picture")
      .at(index)
      .normal(pixels)
      .map((v) => 0.3 * v);
    const row = 2 * (index % CLASSES) + 1;
    for (let i = 0; i < SIDE * 3; i++) values[row * SIDE * 3 + i] = 1 + (values[row * SIDE * 3 + i] as number);
    return values;
  };
  const batches = shuffle ? Math.floor(count / batchSize) : Math.ceil(count / batchSize);
  return {
    length: count,
    batches,
    batchSize,
    shape: [SIDE, SIDE, 3],
    ...(soft ? { targetClasses: CLASSES } : {}),
    async *epoch(epoch, { from = 0 } = {}) {
      const order = shuffle
        ? createRng(seed).at("order").at(epoch).permutation(count)
        : Uint32Array.from({ length: count }, (_, i) => i);
      for (let b = from; b < batches; b++) {
        const indices = Int32Array.from(order.subarray(b * batchSize, (b + 1) * batchSize));
        const images = new Float32Array(indices.length * pixels);
        indices.forEach((index, i) => {
          images.set(picture(index), i * pixels);
        });
        const labels = indices.map((index) => index % CLASSES);
        const batch: Batch = { images, labels, indices, size: indices.length };
        yield soft ? { ...batch, targets: softened(labels) } : batch;
      }
    },
  };
}

function softened(labels: Int32Array): Float32Array {
  const targets = new Float32Array(labels.length * CLASSES).fill(0.1);
  labels.forEach((label, i) => {
    targets[i * CLASSES + label] = 0.8;
  });
  return targets;
}

export const smallResNet = (seed = 1): ImageModel =>
  createModel(resnet20_cifar as unknown as ModelSpec<object, ImageModel>, {
    seed,
    numClasses: CLASSES,
    config: { blocks: 1, width: 4 } as object,
  });

export const smallViT = (seed = 1): ImageModel =>
  createModel(vit_tiny_patch16_224 as unknown as ModelSpec<object, ImageModel>, {
    seed,
    numClasses: CLASSES,
    config: {
      imgSize: SIDE,
      patchSize: 4,
      embedDim: 12,
      depth: 2,
      numHeads: 2,
      dropPathRate: 0.2,
      dropRate: 0.1,
    } as object,
  });
