/** LoRA of @vitrail/layers on a Vision Transformer. */
import { compareWithGolden, expectClose, fillImage, goldens, worst } from "@repo/testing";
import { encodeSafetensors, readCheckpoint } from "@vitrail/checkpoint";
import { addLora, createModel, loadModel, trainingContext } from "@vitrail/layers";
import { createRng, memory, type StateDict, type Tensor4D, tensor, tensor4d, tidy, useBackend } from "@vitrail/tensor";
import { beforeAll, describe, expect, test } from "vitest";
import { type ViT, type ViTConfig, vit_tiny_patch16_224 } from "./index.ts";

const file = (name: string) => goldens(new URL(`./__goldens__/${name}.safetensors`, import.meta.url));
const config: ViTConfig = {
  embedDim: 24,
  depth: 2,
  numHeads: 3,
  mlpRatio: 4,
  numClasses: 5,
  imgSize: [32, 24],
  patchSize: 8,
};
/** The network of tooling/goldens/adapt.py: rank 4, alpha 6. */
const vit = { ...vit_tiny_patch16_224, name: "vit", config };
const isOfLora = (name: string) => /\.lora_[AB]\.weight$/.test(name);
const plain = (dict: StateDict): StateDict => new Map([...dict].filter(([name]) => !isOfLora(name)));
const image = (): Tensor4D => tensor4d(fillImage("lora", [2, 32, 24, 3]), [2, 32, 24, 3]);
const logitsOf = (model: ViT): Float32Array => tidy(() => model.forward(image()).dataSync() as Float32Array).slice();

beforeAll(async () => {
  await useBackend("cpu");
});

test("logits, intermediates and gradients are a PyTorch twin's within 1e-5, and so is the merged model", () => {
  const dict = file("lora.params").tensors;
  const base = loadModel(vit, plain(dict));
  const { model, merge } = addLora(vit, base, { rank: 4, alpha: 6, from: dict });
  const parity = compareWithGolden(model, file("lora.eval"), { training: false });
  expect(worst(parity.taps).error, worst(parity.taps).name).toBeLessThan(1e-5);
  expect(parity.taps.has("blocks.0.mlp.fc1.lora_B")).toBe(true);
  expect(parity.logits).toBeLessThan(1e-5);
  expect(parity.withoutGradient).toEqual([]);
  expect(worst(parity.gradients).error, worst(parity.gradients).name).toBeLessThan(1e-5);

  const merged = loadModel(vit, merge()); // a checkpoint of the plain model, strictly
  expectClose(logitsOf(merged), logitsOf(model), 1e-5);
  expect(logitsOf(merged)).not.toEqual(logitsOf(base));
  for (const m of [base, model, merged]) m.dispose();
});

describe("a model with low-rank updates", () => {
  test("starts as the model that it was made of, whose weights it shares, and either can go first", () => {
    const before = memory().numTensors;
    for (const first of ["base", "lora"]) {
      const base = createModel(vit, { seed: 1 });
      const { model, targets, frozen } = addLora(vit, base, { rank: 2, targets: ["qkv"], seed: 5 });
      expect(targets).toEqual(["blocks.0.attn.qkv", "blocks.1.attn.qkv"]);
      const logits = logitsOf(base);
      expect(logitsOf(model)).toEqual(logits);
      const mine = model.params.named();
      for (const [name, { variable }] of base.params.named()) expect(mine.get(name)?.variable).toBe(variable);
      expect([...mine.keys()].filter((name) => !frozen(name))).toEqual([
        "blocks.0.attn.qkv.lora_A.weight",
        "blocks.0.attn.qkv.lora_B.weight",
        "blocks.1.attn.qkv.lora_A.weight",
        "blocks.1.attn.qkv.lora_B.weight",
        "head.weight",
        "head.bias",
      ]);
      (first === "base" ? base : model).dispose();
      expect(logitsOf(first === "base" ? model : base)).toEqual(logits);
      (first === "base" ? model : base).dispose();
    }
    expect(memory().numTensors).toBe(before);
  });

  test("trains what else is said, the new parts of a fusion say", () => {
    const base = createModel(vit);
    const { model, frozen } = addLora(vit, base, { rank: 1, alsoTrain: (name) => name.startsWith("patch_embed.") });
    expect(frozen("patch_embed.proj.weight")).toBe(false);
    expect(frozen("pos_embed")).toBe(true);
    base.dispose();
    model.dispose();
  });

  test("goes on from saved updates, and a new classifier keeps them", () => {
    const base = createModel(vit, { seed: 1 });
    const lora = addLora(vit, base, { rank: 2, seed: 5 });
    const blank = new Map(lora.model.params.stateDict());
    for (const [name, { variable }] of lora.model.params.named()) {
      if (isOfLora(name)) variable.assign(tidy(() => tensorLike(variable.shape)));
    }
    const saved = readCheckpoint(encodeSafetensors(lora.model.params.stateDict())).tensors;
    expect([...saved.keys()].sort()).toEqual([...blank.keys()].sort());
    const again = addLora(vit, base, { rank: 2, from: saved });
    expect(logitsOf(again.model)).toEqual(logitsOf(lora.model));
    expect(logitsOf(again.model)).not.toEqual(logitsOf(base));
    const renewed = lora.model.resetHead(3);
    expect(tidy(() => renewed.pool(renewed.forwardFeatures(image())).dataSync())).toEqual(
      tidy(() => lora.model.pool(lora.model.forwardFeatures(image())).dataSync()),
    );
    expect(() => addLora(vit, base, { rank: 3, from: saved })).toThrow("expected shape [3, 24], found [2, 24]");
    for (const m of [base, lora.model, again.model, renewed]) m.dispose();
  });

  const tensorLike = (shape: number[]) => {
    const size = shape.reduce((a, b) => a * b, 1);
    return tensor(fillImage("update", [size]), shape);
  };

  test("drops what A sees in training only", () => {
    const base = createModel(vit, { seed: 1 });
    const saved = file("lora.params").tensors;
    const { model } = addLora(vit, base, { rank: 4, dropRate: 0.5, from: saved });
    const train = (seed: number) =>
      tidy(() => model.forward(image(), { ...trainingContext(createRng(seed)), update() {} }).dataSync());
    expect(train(1)).toEqual(train(1));
    expect(train(1)).not.toEqual(train(2));
    expect(logitsOf(model)).toEqual(logitsOf(model));
    base.dispose();
    model.dispose();
  });

  test("says which layers there are where none is chosen, and leaves no memory behind", () => {
    const base = createModel(vit);
    const before = memory().numTensors;
    expect(() => addLora(vit, base, { targets: ["query"] })).toThrow(
      /targets: no linear layer is chosen; this model has blocks\.0\.attn\.qkv, blocks\.0\.attn\.proj/,
    );
    expect(() => addLora(vit, base, { targets: ["head"] })).toThrow("no linear layer is chosen");
    expect(() => addLora(vit, base, { rank: 0 })).toThrow("rank: expected 1, 2, 3, …, found 0");
    expect(memory().numTensors).toBe(before);
    base.dispose();
  });
});
