/** Fusions of @vitrail/layers over a Vision Transformer and a ResNet: here, where both are at hand. */
import { compareWithGolden, conformance, expectClose, goldens, worst } from "@repo/testing";
import { encodeSafetensors, readCheckpoint } from "@vitrail/checkpoint";
import { createModel, type FusionConfig, fusionSpec, loadFusion, loadModel, type PartSpec } from "@vitrail/layers";
import { resnet18, resnetBackbone } from "@vitrail/resnet";
import { memory, mul, ones, type StateDict, type Tensor4D, tensor1d, tidy, useBackend } from "@vitrail/tensor";
import { beforeAll, describe, expect, test } from "vitest";
import { vit_tiny_patch16_224 } from "./index.ts";

const file = (name: string) => goldens(new URL(`./__goldens__/${name}.safetensors`, import.meta.url));

/** The networks of tooling/goldens/adapt.py: the transformer wants mean and deviation 0.5, the ResNet ImageNet's. */
const vit = {
  ...vit_tiny_patch16_224,
  config: { embedDim: 24, depth: 1, numHeads: 3, mlpRatio: 4, numClasses: 5, imgSize: [64, 32], patchSize: 16 },
} as const;
const whole = {
  ...resnet18,
  weights: {},
  config: { block: "basic", layers: [1, 1, 1, 1], width: 4, numClasses: 5 },
} as const;
const parts: Readonly<Record<string, PartSpec>> = { vit, resnet: resnetBackbone(whole, 3) };
const kinds = ["logits", "concat", "gated"] as const;
const specOf = (fusion: FusionConfig["fusion"], changes: Partial<FusionConfig> = {}) =>
  fusionSpec(`fusion-${fusion}`, { parts, fusion, numClasses: 5, width: 20, ...changes });

for (const kind of kinds) conformance(specOf(kind), { imageSize: [64, 32], intermediate: "resnet.layer2.0" });

beforeAll(async () => {
  await useBackend("cpu");
});

test.each(kinds)("%s: logits, statistics and gradients are a PyTorch twin's within 1e-5", (kind) => {
  const model = loadModel(specOf(kind), file(`fusion-${kind}.params`).tensors);
  const parity = compareWithGolden(model, file(`fusion-${kind}.train`), { training: true });
  expect(parity.logits).toBeLessThan(1e-5);
  expect(parity.loss).toBeLessThan(1e-5);
  expect(parity.withoutGradient).toEqual([]);
  expect(worst(parity.gradients).error, worst(parity.gradients).name).toBeLessThan(1e-5);
  expect(worst(parity.updates).error, worst(parity.updates).name).toBeLessThan(1e-5);
  model.dispose();
});

describe("a fusion of pretrained parts", () => {
  const saved = (dict: StateDict) => readCheckpoint(encodeSafetensors(dict)).tensors;
  const x: () => Tensor4D = () => ones([2, 64, 32, 3]);

  test("of logits is the mean of what the parts say, each on images normalised its own way", () => {
    const before = memory().numTensors;
    const [a, b] = [createModel(vit, { seed: 1 }), createModel(whole, { seed: 2 })];
    const spec = fusionSpec("mean", {
      parts: { vit, resnet: whole },
      fusion: "logits",
      numClasses: 5,
    });
    const dicts = { vit: a.params.stateDict(), resnet: b.params.stateDict() };
    const model = loadFusion(spec, dicts);
    tidy(() => {
      const pixels = 1 * 0.5 + 0.5;
      const { mean, std } = resnet18.preprocess;
      const other = tidy(() => {
        const [r, g, bl] = mean.map((m, c) => (pixels - m) / (std[c] as number)) as [number, number, number];
        return mul(ones([2, 64, 32, 3]), tensor1d([r, g, bl])) as Tensor4D;
      });
      const [ya, yb] = [a.forward(x()).dataSync(), b.forward(other).dataSync()];
      expectClose(
        model.forward(x()).dataSync(),
        ya.map((v, i) => (v + (yb[i] as number)) / 2),
        1e-5,
      );
    });
    const again = loadModel(spec, saved(model.params.stateDict()));
    tidy(() => {
      expect(again.forward(x()).dataSync()).toEqual(model.forward(x()).dataSync());
    });
    const other = loadFusion(spec, dicts, { numClasses: 3 });
    expect(other.numClasses).toBe(3);
    for (const m of [a, b, model, again, other]) m.dispose();
    expect(memory().numTensors).toBe(before);
  });

  test.each(["concat", "gated"] as const)("of %s features has the parts' weights and a new classifier", (kind) => {
    const [a, b] = [createModel(vit, { seed: 1 }), createModel(whole, { seed: 2 })];
    const model = loadFusion(specOf(kind), { vit: a.params.stateDict(), resnet: b.params.stateDict() }, { seed: 3 });
    const dict = model.params.stateDict();
    expect(dict.get("vit.blocks.0.attn.qkv.weight")?.float32()).toEqual(
      a.params.stateDict().get("blocks.0.attn.qkv.weight")?.float32(),
    );
    expect([...dict.keys()].filter((name) => /^(vit\.head|resnet\.fc|resnet\.layer4)/.test(name))).toEqual([]);
    // The parts stay as they are, whatever the seed; what joins them follows it.
    const other = loadFusion(specOf(kind), { vit: a.params.stateDict() }, { seed: 3 });
    expect(other.params.stateDict().get("head.weight")?.float32()).toEqual(dict.get("head.weight")?.float32());
    expect(other.params.stateDict().get("resnet.conv1.weight")?.float32()).not.toEqual(
      dict.get("resnet.conv1.weight")?.float32(),
    );
    for (const m of [a, b, model, other]) m.dispose();
  });

  test("numbers its layers so that all parts end right before the classifier", () => {
    const order = specOf("gated").layers?.(specOf("gated").config);
    const names = [
      "vit.pos_embed",
      "vit.blocks.0.norm1.bias",
      "resnet.conv1.weight",
      "resnet.layer3.0.bn1.bias",
      "gate.weight",
      "head.bias",
    ];
    expect(names.map((name) => order?.layerOf(name))).toEqual([2, 3, 0, 3, 4, 4]);
    expect(order?.numLayers).toBe(5);
  });

  test("says what it does not take", () => {
    expect(() => createModel(specOf("logits", { parts: { vit } }))).toThrow(
      "parts: expected two models or more, found 1",
    );
    expect(() => createModel(specOf("logits", { parts: { vit, head: vit } }))).toThrow(
      'a part cannot be called "head"',
    );
    expect(() => createModel(specOf("sum" as "logits"))).toThrow(
      'fusion: expected "logits", "concat" or "gated", found "sum"',
    );
    expect(() => fusionSpec("none", { parts: {}, fusion: "concat", numClasses: 2 })).toThrow("found 0");
    const model = createModel(vit);
    expect(() => loadFusion(specOf("concat"), { vti: model.params.stateDict() })).toThrow(
      "in the checkpoint but not in the model: vti.cls_token",
    );
    model.dispose();
  });
});
