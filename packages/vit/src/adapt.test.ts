import { readFileSync } from "node:fs";
import {
  compareWithGolden,
  conformance,
  expectClose,
  fill,
  filledCheckpoint,
  fillImage,
  goldens,
  goldenTensor,
  shared,
  worst,
} from "@repo/testing";
import { readCheckpoint } from "@vitrail/checkpoint";
import { allButHead, allButLast, createModel, isCheckpointMismatch, loadModel, trainingContext } from "@vitrail/layers";
import {
  createRng,
  type NamedTensor,
  ones,
  type StateDict,
  type Tensor4D,
  tensor4d,
  tidy,
  tile,
  useBackend,
} from "@vitrail/tensor";
import { beforeAll, describe, expect, test } from "vitest";
import { resamplePatchEmbed, resamplePosEmbed, type ViT, type ViTConfig, vit_tiny_patch16_224 } from "./index.ts";

const file = (name: string) => goldens(new URL(`./__goldens__/${name}.safetensors`, import.meta.url));
const sizes = { embedDim: 24, depth: 2, numHeads: 3, mlpRatio: 4, numClasses: 5 };

/** The checkpoint of tooling/goldens/adapt.py and its model. */
const base = { ...vit_tiny_patch16_224, name: "base", config: { ...sizes, imgSize: 32, patchSize: 8 } as ViTConfig };
let checkpoint: StateDict;
const avg = { ...base, name: "avg", config: { ...base.config, imgSize: [32, 24], globalPool: "avg" } as ViTConfig };

beforeAll(async () => {
  await useBackend("cpu");
  checkpoint = filledCheckpoint(base, 1);
});

conformance(avg, { imageSize: [32, 24], intermediate: "fc_norm" });

interface Case {
  readonly config: Partial<ViTConfig>;
  readonly numClasses?: number;
}

/** As in tooling/goldens/adapt.py. */
const cases: Readonly<Record<string, Case>> = {
  larger: { config: { imgSize: 64 } },
  wide: { config: { imgSize: [24, 56] } },
  grey: { config: { inChans: 1 } },
  five: { config: { inChans: 5 } },
  finer: { config: { patchSize: 4 } },
  coarser: { config: { patchSize: 16, imgSize: [48, 80] } },
  mean: { config: { globalPool: "avg", fcNorm: false } },
  "mean-anew": { config: { globalPool: "avg" }, numClasses: 3 },
  all: { config: { imgSize: [36, 60], patchSize: 12, inChans: 1 }, numClasses: 4 },
};

const imagesFor = ({ config: { imgSize, inChans = 3 } }: ViT, name: string, batch: number): Tensor4D => {
  const [height, width] = typeof imgSize === "number" ? [imgSize, imgSize] : imgSize;
  const shape: [number, number, number, number] = [batch, height, width, inChans];
  return tensor4d(fillImage(name, shape), shape);
};

/** What a test asks of a model: its features and its logits. */
function answers(model: ViT, x: Tensor4D) {
  return tidy(() => ({
    features: model.pool(model.forwardFeatures(x)).dataSync() as Float32Array,
    logits: model.forward(x).dataSync() as Float32Array,
  }));
}

describe("a checkpoint for another configuration becomes what timm makes of it, within 1e-5", () => {
  const golden = file("adapt");
  const read = (name: string) => goldenTensor(golden, name).float32();

  test.each(Object.entries(cases))("%s", (name, options) => {
    const model = loadModel(base, checkpoint, options);
    const dict = model.params.stateDict();
    for (const key of ["pos_embed", "patch_embed.proj.weight"]) {
      const expected = goldenTensor(golden, `${name}.${key}`);
      expect(dict.get(key)?.shape).toEqual(expected.shape);
      expectClose(dict.get(key)?.float32() as Float32Array, expected.float32(), 1e-5, key);
    }
    const { features, logits } = answers(model, imagesFor(model, `adapt.${name}`, 2));
    expectClose(features, read(`${name}.features`), 1e-5, "features");
    if (options.numClasses === undefined) expectClose(logits, read(`${name}.logits`), 1e-5, "logits");
    else expect(logits.length).toBe(2 * options.numClasses);

    // What was adapted is a checkpoint like any other: the same call reads it as it is.
    const again = loadModel(base, dict, options);
    expect(answers(again, imagesFor(again, "again", 1))).toEqual(answers(model, imagesFor(model, "again", 1)));
    model.dispose();
    again.dispose();
  });

  test("positions go from one grid that is not square to another, and those of prefix tokens stay", () => {
    const shape = [1, 2 + 15, 8];
    const positions: NamedTensor = { dtype: "F32", shape, float32: () => fill("adapt.pos", shape, 1) };
    const resampled = resamplePosEmbed(positions, [3, 5], [4, 4], 2);
    expect(resampled.shape).toEqual([1, 18, 8]);
    expectClose(resampled.float32(), read("prefixed"), 1e-5);
    expect(resampled.float32().subarray(0, 16)).toEqual(positions.float32().subarray(0, 16));
    expectClose(resamplePosEmbed(positions, [3, 5], [3, 5], 2).float32(), positions.float32(), 1e-6);
  });

  test("a larger patch kernel answers to an enlarged patch what the old one answered to the patch", () => {
    const weight = checkpoint.get("patch_embed.proj.weight") as NamedTensor;
    const enlarged = resamplePatchEmbed(weight, [13, 16]).float32();
    const patch = fillImage("patch", [8 * 8]);
    const tokens: NamedTensor = { dtype: "F32", shape: [1, 64, 1], float32: () => patch };
    const large = resamplePosEmbed(tokens, [8, 8], [13, 16], 0).float32();
    const dot = (kernels: Float32Array, x: Float32Array) =>
      Float32Array.from({ length: 72 }, (_, k) =>
        x.reduce((sum, v, i) => sum + v * (kernels[k * x.length + i] as number), 0),
      );
    expectClose(dot(enlarged, large), dot(weight.float32(), patch), 1e-5);
  });
});

describe("what nobody asked to differ must fit", () => {
  const mismatch = (options: Case & { dict?: StateDict }, spec = base) => {
    try {
      loadModel(spec, options.dict ?? checkpoint, options).dispose();
    } catch (error) {
      if (isCheckpointMismatch(error)) return error.message;
      throw error;
    }
    return "";
  };
  const sized = (config: Partial<ViTConfig>) => ({ ...base, config: { ...base.config, ...config } });

  test("a spec of another size takes no checkpoint of this one: the error names both shapes", () => {
    expect(mismatch({ config: {} }, sized({ imgSize: 64 }))).toContain(
      "parameter pos_embed: expected shape [1, 65, 24], found [1, 17, 24]",
    );
    expect(mismatch({ config: {} }, sized({ patchSize: 16 }))).toContain(
      "parameter patch_embed.proj.weight: expected shape [24, 3, 16, 16], found [24, 3, 8, 8]",
    );
    expect(mismatch({ config: { imgSize: 64 } }, sized({ inChans: 1 }))).toContain(
      "parameter patch_embed.proj.weight: expected shape [24, 1, 8, 8], found [24, 3, 8, 8]",
    );
  });

  test("another width or depth is an error, whatever else is adapted", () => {
    const message = mismatch({ config: { embedDim: 12, depth: 1, imgSize: 64 } });
    expect(message).toContain("parameter cls_token: expected shape [1, 1, 12], found [1, 1, 24]");
    expect(message).toContain("in the checkpoint but not in the model: blocks.1.norm1.weight");
  });

  test("positions of a grid that is neither known nor square, and a kernel of two channels, are left to be refused", () => {
    const odd = new Map(checkpoint).set("pos_embed", {
      dtype: "F32",
      shape: [1, 16, 24],
      float32: () => new Float32Array(384),
    });
    expect(mismatch({ config: { imgSize: 64 }, dict: odd })).toContain("expected shape [1, 65, 24], found [1, 16, 24]");
    // ... unless the spec says of which grid they are
    loadModel(sized({ imgSize: [24, 40] }), odd, { config: { imgSize: 64 } }).dispose();
    const two = new Map(checkpoint).set("patch_embed.proj.weight", {
      dtype: "F32",
      shape: [24, 2, 8, 8],
      float32: () => new Float32Array(3072),
    });
    expect(mismatch({ config: { inChans: 4 }, dict: two })).toContain(
      "expected shape [24, 4, 8, 8], found [24, 2, 8, 8]",
    );
  });

  test("pooling by average needs a new classifier, or the old norm: timm refuses the same", () => {
    expect(mismatch({ config: { globalPool: "avg" } })).toContain(
      "in the model but not in the checkpoint: fc_norm.weight",
    );
    const model = loadModel(base, checkpoint, { config: { globalPool: "avg" }, numClasses: 0 });
    expect(model.encoder.fcNorm?.weight.dataSync()).toEqual(new Float32Array(24).fill(1));
    model.dispose();
  });

  test("a pooling that there is not is an error", () => {
    expect(() => createModel(base, { config: { globalPool: "max" as "avg" } })).toThrow(
      'globalPool: expected "token" or "avg", found "max"',
    );
  });
});

test("from one channel to three and back a kernel is the same, and grey pictures get the same answer", () => {
  const grey = loadModel(base, checkpoint, { config: { inChans: 1 } });
  const dict = grey.params.stateDict();
  const colour = loadModel({ ...base, config: { ...base.config, inChans: 1 } }, dict, { config: { inChans: 3 } });
  const plane = tensor4d(fillImage("grey", [1, 32, 32, 1]), [1, 32, 32, 1]);
  tidy(() => {
    const rgb = tile(plane, [1, 1, 1, 3]);
    expectClose(colour.forward(rgb).dataSync(), grey.forward(plane).dataSync() as Float32Array, 1e-5);
  });
  for (const m of [grey, colour]) m.dispose();
});

test("with average pooling, logits, intermediates and gradients are timm's within 1e-5", () => {
  const model = loadModel(avg, file("vit-avg.params").tensors);
  const parity = compareWithGolden(model, file("vit-avg.eval"), { training: false });
  expect(worst(parity.taps).error, worst(parity.taps).name).toBeLessThan(1e-5);
  expect(parity.taps.has("fc_norm")).toBe(true);
  expect(parity.logits).toBeLessThan(1e-5);
  expect(parity.withoutGradient).toEqual([]);
  expect(worst(parity.gradients).error, worst(parity.gradients).name).toBeLessThan(1e-5);
  model.dispose();
});

test("every kind of dropout acts in training only", () => {
  const plain = createModel(base);
  const x: Tensor4D = ones([2, 32, 32, 3]);
  const ctx = () => ({ ...trainingContext(createRng(1)), update() {} });
  for (const rate of ["dropRate", "posDropRate", "projDropRate", "attnDropRate", "dropPathRate"] as const) {
    const model = createModel(base, { config: { [rate]: 0.5 } });
    tidy(() => {
      expect(model.forward(x).dataSync()).toEqual(plain.forward(x).dataSync());
      expect(model.forward(x, ctx()).dataSync(), rate).not.toEqual(plain.forward(x).dataSync());
      expect(model.forward(x, ctx()).dataSync()).toEqual(model.forward(x, ctx()).dataSync());
    });
    model.dispose();
  }
  plain.dispose();
});

describe("the order of the layers", () => {
  const numbers = JSON.parse((file("adapt").metadata as { layers: string }).layers) as Record<
    string,
    Record<string, number>
  >;
  test.each([
    ["vit", {}],
    ["vit-avg", { globalPool: "avg" }],
    ["vit-bare", { numClasses: 0 }],
  ] as const)("%s has timm's numbers", (name, changes) => {
    const order = base.layers?.({ ...base.config, ...changes });
    const expected = numbers[name] as Record<string, number>;
    expect(order?.numLayers).toBe(Math.max(...Object.values(expected)) + 1);
    for (const [parameter, id] of Object.entries(expected)) expect(order?.layerOf(parameter), parameter).toBe(id);
  });

  test("says what to leave as it is: all but the classifier, or all but the last blocks", () => {
    const names = [...checkpoint.keys()];
    const order = base.layers?.(base.config);
    if (!order) throw new Error("no order");
    const trained = (frozen: (name: string) => boolean) => names.filter((name) => !frozen(name));
    expect(trained(allButHead("head"))).toEqual(["head.weight", "head.bias"]);
    expect(trained(allButLast(order, 0))).toEqual(["head.weight", "head.bias"]);
    const one = trained(allButLast(order, 1));
    expect(one.every((name) => /^(blocks\.1|norm|head)\./.test(name))).toBe(true);
    expect(one).toContain("norm.weight");
    expect(trained(allButLast(order, 2)).every((name) => /^(blocks|norm|head)\./.test(name))).toBe(true);
    expect(() => allButLast(order, 3)).toThrow("blocks to train: expected 0 to 2, found 3");
  });
});

describe("real ViT-Ti weights", () => {
  const real = shared("hub/timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k/model.safetensors");
  const ways = {
    a: { config: { imgSize: [96, 160], inChans: 1 }, numClasses: 4 },
    b: { config: { imgSize: 384, patchSize: 32 } },
    c: { config: { imgSize: 112, globalPool: "avg" }, numClasses: 4 },
  } as const satisfies Record<string, Case>;
  test.skipIf(!real)(
    "adapted three ways are what timm's factory makes of them (skipped without ../shared/hub)",
    async () => {
      await useBackend("wasm");
      const golden = file("real-adapt");
      const { tensors } = readCheckpoint(new Uint8Array(readFileSync(real as string)));
      for (const [key, options] of Object.entries<Case>(ways)) {
        const model = loadModel(vit_tiny_patch16_224, tensors, options);
        const { features, logits } = answers(model, imagesFor(model, `adapt.real.${key}`, 1));
        expectClose(features, goldenTensor(golden, `${key}.features`).float32(), 1e-5, `features ${key}`);
        if (options.numClasses === undefined)
          expectClose(logits, goldenTensor(golden, `${key}.logits`).float32(), 1e-5, key);
        model.dispose();
      }
    },
  );
});
