/** What `vitrail train` leaves is a weights folder as any other. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeSafetensors } from "@vitrail/checkpoint";
import { decode, evalTransform } from "@vitrail/data";
import { createModel } from "@vitrail/layers";
import { resnetModels } from "@vitrail/resnet";
import { softmax, tensor4d, tidy, useBackend } from "@vitrail/tensor";
import { vit_tiny_patch16_224, vitModels } from "@vitrail/vit";
import { expect, test } from "vitest";
import { createClassifier, createEmbedder } from "./index.ts";
import { png } from "./testing/png.ts";

const labels = ["ten", "two", "one"]; // the run's order, not that of names
const modelArgs = { img_size: [24, 40], patch_size: 8, embed_dim: 32, depth: 2, num_heads: 2, global_pool: "avg" };
const config = {
  architecture: "vit_tiny_patch16_224",
  num_classes: 3,
  num_features: 32,
  label_names: labels,
  model_args: modelArgs,
  pretrained_cfg: {
    tag: "x",
    input_size: [3, 24, 40],
    fixed_input_size: true,
    interpolation: "bilinear",
    crop_pct: 1,
    crop_mode: "squash",
    mean: [0.1, 0.2, 0.3],
    std: [0.4, 0.5, 0.6],
    num_classes: 3,
    classifier: "head",
  },
};

test("a ViT of another image size answers with its run's classes, on both engines", async () => {
  await useBackend("cpu");
  const model = createModel(vit_tiny_patch16_224, {
    seed: 3,
    numClasses: 3,
    config: { imgSize: [24, 40], patchSize: 8, embedDim: 32, depth: 2, numHeads: 2, globalPool: "avg" },
  });
  const run = mkdtempSync(join(tmpdir(), "vitrail-run-"));
  try {
    const weights = encodeSafetensors(model.params.stateDict());
    writeFileSync(join(run, "config.json"), JSON.stringify(config));
    for (const name of ["model", "last", "last.optim"]) writeFileSync(join(run, `${name}.safetensors`), weights);
    const photo = png(50, 30, [200, 30, 90]);
    const preprocess = {
      inputSize: [3, 24, 40],
      interpolation: "bilinear",
      cropPct: 1,
      cropMode: "squash",
      mean: [0.1, 0.2, 0.3],
      std: [0.4, 0.5, 0.6],
    } as const;
    const pixels = evalTransform(preprocess)(await decode(photo));
    const answer = tidy(() => softmax(model.forward(tensor4d(pixels, [1, 24, 40, 3]))));
    const expected = await answer.data();
    answer.dispose();

    const models = { ...resnetModels, ...vitModels };
    for (const engine of ["tfjs", "auto"] as const) {
      const notes: string[] = [];
      const onNote = (note: string) => notes.push(note);
      const classifier = await createClassifier({ models, weights: run, engine, threads: 0, onNote });
      expect(classifier.labels).toEqual(labels);
      expect(classifier.model).toMatchObject({ numClasses: 3, numFeatures: 32 });
      const found = await classifier.classify(photo);
      expect(found).toHaveLength(3);
      for (const { label, index, probability } of found) {
        expect(label).toBe(labels[index]);
        expect(probability).toBeCloseTo(expected[index] as number, 5);
      }
      expect(notes).toEqual([]);
      await classifier.dispose();
    }
    const embedder = await createEmbedder({ models, weights: run, threads: 0 });
    expect(await embedder.embed(photo)).toHaveLength(32);
    await embedder.dispose();

    writeFileSync(join(run, "config.json"), JSON.stringify({ ...config, model_args: { ...modelArgs, depth: 3 } }));
    await expect(createClassifier({ models, weights: run, threads: 0 })).rejects.toMatchObject({
      code: "checkpoint-mismatch",
      message: expect.stringContaining("in the model but not in the checkpoint: blocks.2."),
    });

    for (const wrong of [{ depht: 2 }, { img_size: 25 }]) {
      writeFileSync(join(run, "config.json"), JSON.stringify({ ...config, model_args: { ...modelArgs, ...wrong } }));
      const refused = {
        code: "bad-config",
        message: expect.stringMatching(/depht: expected one of|25 is not a multiple/),
      };
      await expect(createClassifier({ models, weights: run, threads: 0 })).rejects.toMatchObject(refused);
      await expect(createEmbedder({ models, weights: run, threads: 0 })).rejects.toMatchObject(refused);
    }
  } finally {
    model.dispose();
    rmSync(run, { recursive: true, force: true });
  }
});
