import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expectClose, shared } from "@repo/testing";
import { readCheckpoint } from "@vitrail/checkpoint";
import { decode, evalTransform } from "@vitrail/data";
import { loadModel } from "@vitrail/layers";
import { resnetModels } from "@vitrail/resnet";
import { memory, type Tensor4D, tensor4d, tidy, useBackend } from "@vitrail/tensor";
import { vit_tiny_patch16_224 } from "@vitrail/vit";
import { describe, expect, test } from "vitest";
import { createEmbedder } from "./index.ts";
import { colorConfig, colorWeights, mean_color } from "./testing/mean-color.ts";
import { png } from "./testing/png.ts";

const sample = (name: string) => fileURLToPath(new URL(`../../../apps/cli/photos/${name}`, import.meta.url));
const photos = ["chelsea.png", "rocket.jpg", "astronaut.png"].map(sample);
const box = fileURLToPath(new URL("../../weights-cifar10", import.meta.url));
const red = png(2, 2, [255, 0, 0]);
const colors = { models: { mean_color }, backend: "cpu", threads: 0 } as const;

describe("createEmbedder", () => {
  test("gives pooled features, preprocessed as the weights say, one by one or all at once", async () => {
    const embedder = await createEmbedder({ ...colors, weights: colorWeights(3, colorConfig()) });
    expect(embedder).toMatchObject({ name: "mean_color", width: 3 });
    expect(await embedder.embed(red)).toEqual(Float32Array.of(1, 0, 0));
    const many = await embedder.embed([red, png(2, 2, [0, 255, 0])]);
    expect(many).toEqual([Float32Array.of(1, 0, 0), Float32Array.of(0, 1, 0)]);
    await embedder.dispose();
  });

  test("takes weights whose classifier is of any size, or that have none", async () => {
    const without = { model: colorWeights().model, config: colorConfig({ num_classes: 0, label_names: undefined }) };
    for (const weights of [colorWeights(7), without]) {
      const embedder = await createEmbedder({ model: mean_color, backend: "cpu", threads: 0, weights });
      expect(await embedder.embed(red)).toEqual(Float32Array.of(1, 0, 0));
      await embedder.dispose();
    }
  });

  test("a photo that fails gives its error and the rest go on; alone it rejects", async () => {
    const embedder = await createEmbedder({ ...colors, weights: colorWeights(3, colorConfig()) });
    const outcomes = [];
    for await (const outcome of embedder.each([red, new Uint8Array(9), red], { batchSize: 2 })) outcomes.push(outcome);
    expect(outcomes.map(({ error }) => error === undefined)).toEqual([true, false, true]);
    expect(outcomes[2]?.embedding).toEqual(Float32Array.of(1, 0, 0));
    await expect(embedder.embed([red, "missing.png"])).rejects.toThrow("missing.png");
    await expect(embedder.embed(red, { batchSize: 0 })).rejects.toMatchObject({ code: "bad-option" });
    await embedder.dispose();
    await embedder.dispose();
    await expect(embedder.embed(red)).rejects.toThrow("this embedder was disposed of: make a new one");
  });

  test("leaves no tensor behind, also after an error", async () => {
    await useBackend("cpu");
    const before = memory().numTensors;
    const embedder = await createEmbedder({ ...colors, weights: colorWeights(3, colorConfig()) });
    const held = memory().numTensors;
    await embedder.embed([red, red]);
    await expect(embedder.embed(new Uint8Array(3))).rejects.toThrow();
    expect(memory().numTensors).toBe(held);
    await embedder.dispose();
    expect(memory().numTensors).toBe(before);
    const wrong = createEmbedder({ ...colors, models: resnetModels, weights: colorWeights(3, colorConfig()) });
    await expect(wrong).rejects.toMatchObject({ code: "unknown-model" });
    expect(memory().numTensors).toBe(before);
  });

  test("gives the same on every engine", async () => {
    const all = [];
    for (const engine of ["tfjs", "ort", "ort-web"] as const) {
      const embedder = await createEmbedder({ models: resnetModels, weights: box, threads: 0, engine });
      expect(embedder.engine.name).toBe(engine);
      expect(embedder.width).toBe(128);
      all.push(await embedder.embed(photos));
      await embedder.dispose();
    }
    for (const other of all.slice(1)) {
      for (const [i, row] of other.entries()) expectClose(row, all[0]?.[i] as Float32Array, 1e-4, `photo ${i}`);
    }
  });

  const real = shared("hub/timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k");
  test.skipIf(!real)(
    "of real ViT-Ti weights gives the model's pooled class token (skipped without ../shared/hub)",
    async () => {
      const [photo] = photos as [string];
      const embedder = await createEmbedder({ model: vit_tiny_patch16_224, weights: real as string, threads: 0 });
      const features = await embedder.embed(photo);
      await useBackend("wasm");
      const file = readCheckpoint(new Uint8Array(readFileSync(`${real}/model.safetensors`)));
      const model = loadModel(vit_tiny_patch16_224, file.tensors);
      const image = await decode(new Uint8Array(readFileSync(photo)), {});
      const x = evalTransform(embedder.preprocess)(image);
      const expected = tidy(() =>
        model.pool(model.forwardFeatures(tensor4d(x, [1, 224, 224, 3]) as Tensor4D)).dataSync(),
      ) as Float32Array;
      expectClose(features, expected, 1e-4);
      model.dispose();
      await embedder.dispose();
    },
  );
});
