import { Linear, shareParams } from "@vitrail/layers";
import { type Tensor2D, type Tensor4D, useBackend } from "@vitrail/tensor";
import { beforeAll, describe, expect, test } from "vitest";
import { sgd } from "../optimizers/sgd.ts";
import { smallResNet, stripes } from "../testing.ts";
import type { BatchSource } from "./data.ts";
import { evaluate } from "./evaluate.ts";
import { extractFeatures, featureBatches, featuresOf } from "./features.ts";
import { fit } from "./fit.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

const gathered = async (source: BatchSource, epoch: number) => {
  const batches = [];
  for await (const { images, labels, indices } of source.epoch(epoch)) {
    batches.push({ images: [...images], labels: [...labels], indices: [...indices] });
  }
  return batches;
};

describe("a linear probe", () => {
  test("learns on features that are computed once, and its classifier is the model's", async () => {
    const model = smallResNet();
    const extractor = {
      forward: (x: Tensor4D) => model.forwardHead(model.forwardFeatures(x), undefined, { preLogits: true }),
    };
    const before = model.params.stateDict().get("conv1.weight")?.float32();
    const [train, validation] = [
      await extractFeatures(extractor, stripes(24, { shuffle: false })),
      await extractFeatures(extractor, stripes(9, { seed: 1, shuffle: false })),
    ];
    const params = shareParams(model.params.at("fc"), { fresh: () => false });
    const head = new Linear(params, model.numFeatures, 3);
    const result = await fit({
      model: { params, forward: (x) => head.forward(x as never) as Tensor2D },
      data: {
        train: featureBatches(train, { batchSize: 8, shuffle: true, seed: 3 }),
        validation: featureBatches(validation, { batchSize: 8, shuffle: false }),
      },
      epochs: 40,
      optimizer: sgd({ lr: 0.5, momentum: 0.9 }),
    });
    const first = result.progress.history[0]?.train.loss as number;
    expect(result.progress.history.at(-1)?.train.loss).toBeLessThan(first / 2);
    expect(model.params.stateDict().get("conv1.weight")?.float32()).toEqual(before);
    const whole = await evaluate(model, stripes(9, { seed: 1, shuffle: false }));
    expect(whole.top1).toBe(result.progress.best?.value);
    params.dispose();
    model.dispose();
  });

  test("sees the same batches as those that are computed anew", async () => {
    const model = smallResNet();
    const extractor = { forward: (x: Tensor4D) => model.pool(model.forwardFeatures(x)) };
    const stored = featureBatches(await extractFeatures(extractor, stripes(10, { shuffle: false })), {
      batchSize: 4,
      shuffle: false,
    });
    const fresh = await featuresOf(extractor, stripes(10, { shuffle: false }));
    expect(fresh.shape).toEqual(stored.shape);
    const [a, b] = [await gathered(stored, 0), await gathered(fresh, 0)];
    expect(a.map(({ labels, indices }) => ({ labels, indices }))).toEqual(
      b.map(({ labels, indices }) => ({ labels, indices })),
    );
    a.forEach(({ images }, i) => {
      for (const [j, value] of images.entries()) expect(value).toBeCloseTo(b[i]?.images[j] as number, 5);
    });
    await fresh.dispose();
    await expect(extractFeatures(extractor, stripes(10))).rejects.toThrow(
      /expected all 10 images, image \d is missing/,
    );
    model.dispose();
  });
});
