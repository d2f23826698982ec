import { readFileSync } from "node:fs";
import { expectClose, filledCheckpoint, fillImage, goldens, goldenTensor, shared } from "@repo/testing";
import { readCheckpoint } from "@vitrail/checkpoint";
import { createModel, type ImageModel, loadModel, type ModelSpec } from "@vitrail/layers";
import { ResNet, resnetModels, resnetStages } from "@vitrail/resnet";
import { createRng, tensor4d, useBackend } from "@vitrail/tensor";
import { hybridSpec, vitModels } from "@vitrail/vit";
import { beforeAll, describe, expect, test } from "vitest";
import { compile } from "./compile.ts";

type AnySpec = ModelSpec<object, ImageModel>;

beforeAll(async () => {
  await useBackend("wasm");
});

const images = (count: number, side: number, seed = 1) => createRng(seed).normal(count * side * side * 3);

/** Statistics like a trained network's, from one batch: with the defaults the activations of random weights explode. */
function calibrate(model: ImageModel, side: number): void {
  const x = tensor4d(images(4, side, 2), [4, side, side, 3]);
  const y = model.forward(x, {
    training: true,
    rng: createRng(0),
    tap() {},
    update: (variable, value) => variable.assign(value),
  });
  for (const t of [x, y]) t.dispose();
}

/** A variant with its own block layout at a size that plain tfjs can run. */
function narrowed(spec: AnySpec): { readonly config: object; readonly side: number } {
  const config = spec.config as { patchSize?: number; depth?: number; numHeads?: number };
  if (config.patchSize === undefined) {
    return spec.name.endsWith("_cifar") ? { config: {}, side: 16 } : { config: { width: 16 }, side: 64 };
  }
  return {
    config: { imgSize: 2 * config.patchSize, depth: 2, embedDim: 16 * (config.numHeads as number) },
    side: 2 * config.patchSize,
  };
}

const hybrid = hybridSpec(
  "hybrid",
  {
    imgSize: 64,
    patchSize: 2,
    embedDim: 32,
    depth: 2,
    numHeads: 2,
    mlpRatio: 4,
    numClasses: 10,
    backbone: (params) => new ResNet(params, resnetStages({ ...resnetModels.resnet18.config, width: 8 }, 3)),
  },
  resnetModels.resnet18.preprocess,
) as unknown as AnySpec;

const specs = [...Object.values(resnetModels), ...Object.values(vitModels)] as unknown as AnySpec[];

describe("a compiled model gives the eager one's logits", () => {
  test.each([...specs, hybrid].map((spec) => [spec.name, spec] as const))("%s", async (name, spec) => {
    const { config, side } = spec === hybrid ? { config: {}, side: 64 } : narrowed(spec);
    const model = createModel(spec, { seed: 3, config });
    if (!name.startsWith("vit")) calibrate(model, side);
    const compiled = await compile(model, { input: [null, side, side, 3] });
    expect(compiled.report.engine).toBe("ort");
    const values = images(3, side);
    const x = tensor4d(values, [3, side, side, 3]);
    const eager = model.forward(x);
    const expected = eager.dataSync();
    const actual = await compiled.run(values);
    expectClose(actual, expected, 1e-4, name);
    // Row i of a batch is the single run.
    const per = side * side * 3;
    const classes = expected.length / 3;
    for (const i of [0, 2]) {
      const single = await compiled.run(values.slice(i * per, (i + 1) * per));
      expectClose(single, actual.slice(i * classes, (i + 1) * classes), 1e-5, `${name}, row ${i}`);
    }
    for (const t of [x, eager]) t.dispose();
    await compiled.dispose();
    model.dispose();
  });

  // Large layers have lowerings of their own (passes/blocked-winograd.ts).
  test.each([resnetModels.resnet18, resnetModels.resnet50])("$name at full size, and torchvision's", async (spec) => {
    const file = `../../resnet/src/__goldens__/full-${spec.name.slice("resnet".length)}.safetensors`;
    const golden = goldens(new URL(file, import.meta.url));
    const model = loadModel(spec, filledCheckpoint(spec, Math.SQRT2, golden.tensors));
    const compiled = await compile(model, { input: [null, 224, 224, 3] });
    const image = fillImage("full", [1, 224, 224, 3]);
    const expected = goldenTensor(golden, "logits").float32();
    expectClose(await compiled.run(image), expected, 1e-4, spec.name);
    const three = await compiled.run(
      Float32Array.from({ length: 3 * image.length }, (_, i) => image[i % image.length] as number),
    );
    for (const i of [0, 1, 2])
      expectClose(three.slice(1000 * i, 1000 * (i + 1)), expected, 1e-4, `${spec.name}, row ${i}`);
    await compiled.dispose();
    model.dispose();
  });

  const folder = shared("hub", "timm", "vit_tiny_patch16_224.augreg_in21k_ft_in1k");
  const why = folder ? "" : " (skipped: the shared weights are not beside this checkout)";
  test.skipIf(!folder)(`vit_tiny_patch16_224 with trained weights, full size${why}`, async () => {
    const dict = readCheckpoint(readFileSync(`${folder}/model.safetensors`)).tensors;
    const model = loadModel(vitModels.vit_tiny_patch16_224, dict);
    const compiled = await compile(model, { input: [null, 224, 224, 3] });
    const values = images(2, 224);
    const x = tensor4d(values, [2, 224, 224, 3]);
    const eager = model.forward(x);
    expectClose(await compiled.run(values), eager.dataSync(), 1e-4);
    for (const t of [x, eager]) t.dispose();
    await compiled.dispose();
    model.dispose();
  });
});
