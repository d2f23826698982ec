import { expectClose, goldens, goldenTensor, onBackends } from "@repo/testing";
import {
  createRng,
  grads as gradsOf,
  memory,
  mul,
  type NamedTensor,
  ones as onesTensor,
  reshape,
  type Scalar,
  sum,
  type Tensor,
  type Tensor4D,
  tensor,
  tidy,
  useBackend,
  type Variable,
  variableGrads,
} from "@vitrail/tensor";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  avgPool,
  BatchNorm2d,
  type Context,
  Conv2d,
  Dropout,
  DropPath,
  GroupNorm,
  globalAvgPool,
  inference,
  initParams,
  invertPermutation,
  LayerNorm,
  LayerScale,
  Linear,
  loadParams,
  type Module,
  maxPool,
  type ParamStore,
  permuteValues,
  trainingContext,
} from "./index.ts";

const golden = goldens(new URL("./__goldens__/layers.safetensors", import.meta.url));
const read = (name: string) => {
  const found = goldenTensor(golden, name);
  return tensor(found.float32(), [...found.shape]);
};
/** The case's parameters (those of batchnorm.train are batchnorm.eval's: the golden stores what they become). */
const paramsOf = (name: string): ParamStore => {
  const prefix = `${name.replace("batchnorm.train", "batchnorm.eval")}.param.`;
  const dict = new Map<string, NamedTensor>();
  for (const [key, value] of golden.tensors) if (key.startsWith(prefix)) dict.set(key.slice(prefix.length), value);
  return loadParams(dict);
};

type Build = (p: ParamStore) => Pick<Module, "forward">;
const conv =
  (out: number, kernel: number, options: ConstructorParameters<typeof Conv2d>[4] = {}): Build =>
  (p) =>
    new Conv2d(p, 6, out, kernel, options) as Pick<Module, "forward">;
const as = (f: (x: Tensor4D, ctx: Context) => Tensor): Pick<Module, "forward"> => ({
  forward: (x, ctx = inference) => f(x as Tensor4D, ctx),
});

/** The layers of tooling/goldens/layers.py. */
const cases: Record<string, Build> = {
  conv: conv(5, 3),
  "conv.stride": conv(4, 3, { stride: 2, padding: 1 }),
  "conv.stem": conv(2, 7, { stride: 2, padding: 3, bias: false }),
  "conv.point": conv(3, 1, { stride: 2 }),
  "conv.groups": conv(4, 3, { padding: 1, groups: 2 }),
  "conv.depthwise": conv(6, 3, { padding: 1, stride: 2, groups: 6 }),
  "conv.multiplier": conv(12, 3, { padding: 1, groups: 6 }),
  "conv.dilated": conv(3, 3, { padding: 2, dilation: 2 }),
  "batchnorm.eval": (p) => new BatchNorm2d(p, 4) as Pick<Module, "forward">,
  "batchnorm.train": (p) => new BatchNorm2d(p, 4) as Pick<Module, "forward">,
  groupnorm: (p) => new GroupNorm(p, 3, 6) as Pick<Module, "forward">,
  layernorm: (p) => new LayerNorm(p, 8, { eps: 1e-6 }),
  linear: (p) => new Linear(p, 6, 4),
  maxpool: () => as((x) => maxPool(x, { kernel: 3, stride: 2, padding: 1 })),
  avgpool: () => as((x) => avgPool(x, { kernel: 3, stride: 2, padding: 1 })),
};

let tensorsBefore = 0;

const againstTorch = () => {
  for (const [name, build] of Object.entries(cases)) {
    test(`${name}: output, gradients and statistics are within 1e-5`, () => {
      tensorsBefore = memory().numTensors;
      const params = paramsOf(name);
      const layer = build(params);
      params.assertAllRead();
      const names = new Map([...params.named()].map(([key, { variable }]) => [variable, key] as const));
      const ctx: Context = {
        ...inference,
        training: name.endsWith(".train"),
        update(buffer: Variable, value: Tensor) {
          const key = `${name}.update.${names.get(buffer)}`;
          expectClose(value.dataSync(), goldenTensor(golden, key).float32(), 1e-5, key);
        },
      };
      tidy(() => {
        const [x, dy] = [read(`${name}.x`), read(`${name}.dy`)];
        const close = (value: ArrayLike<number>, key: string) =>
          expectClose(value, goldenTensor(golden, `${name}.${key}`).float32(), 1e-5, `${name}.${key}`);
        close(layer.forward(x, ctx).dataSync(), "y");
        const loss = (input: Tensor) => sum(mul(layer.forward(input, ctx), dy)) as Scalar;
        // tfjs has no gradient for a dilated convolution.
        if (name === "conv.dilated") return;
        const [dx] = gradsOf((input: Tensor) => loss(input))([x]) as [Tensor];
        close(dx.dataSync(), "dx");
        const trainable = [...params.named()].filter(([, p]) => p.trainable);
        if (trainable.length === 0) return;
        const { grads } = variableGrads(
          () => loss(x),
          trainable.map(([, p]) => p.variable),
        );
        for (const [key, { variable, permute }] of trainable) {
          const g = grads[variable.name] as Tensor;
          const held = g.dataSync() as Float32Array;
          close(permute ? permuteValues(held, g.shape, invertPermutation(permute)) : held, `grad.${key}`);
        }
      });
      params.dispose();
      expect(memory().numTensors).toBe(tensorsBefore);
    });
  }
};
onBackends(["cpu", "wasm", "tfjs-node"], againstTorch, ", against torch in float64");

describe("layers", () => {
  beforeAll(async () => {
    await useBackend("cpu");
  });
  afterEach(() => {
    expect(memory().numTensors).toBe(tensorsBefore);
  });
  const scope = (f: (p: ParamStore) => void) => {
    tensorsBefore = memory().numTensors;
    const params = initParams(0);
    try {
      tidy(() => f(params));
    } finally {
      params.dispose();
    }
  };

  test("an input of another width is an error that names the layer and both widths", () =>
    scope((p) => {
      const linear = new Linear(p.at("blocks").at(0), 3, 2);
      expect(() => linear.forward(onesTensor([2, 4]))).toThrow("blocks.0: expected [..., 3], found [2, 4]");
      const conv2d = new Conv2d(p.at("conv1"), 3, 2, 1);
      expect(() => conv2d.forward(onesTensor([1, 5, 5, 4]))).toThrow(
        "conv1: expected [B, H, W, 3], found [1, 5, 5, 4]",
      );
      expect(() => new Conv2d(p.at("grouped"), 3, 4, 1, { groups: 2 })).toThrow("do not fall into 2 groups");
      expect(() => new GroupNorm(p.at("norm"), 2, 3)).toThrow("3 channels do not fall into 2 groups");
    }));

  test("BatchNorm moves its running statistics by the momentum, and only through the context", () =>
    scope((p) => {
      const norm = new BatchNorm2d(p, 1, { momentum: 0.5 });
      const x = tensor([0, 2, 4, 6], [4, 1, 1, 1]) as Tensor4D; // mean 3, unbiased variance 20 / 3
      norm.forward(x, { ...inference, training: true });
      expect(norm.runningMean.dataSync()[0]).toBe(0);
      norm.forward(x, trainingContext());
      expect(norm.runningMean.dataSync()[0]).toBeCloseTo(1.5, 6);
      expect(norm.runningVar.dataSync()[0]).toBeCloseTo(0.5 + 0.5 * (20 / 3), 6);
    }));

  test("BatchNorm refuses to train on one value a channel", () =>
    scope((p) => {
      const norm = new BatchNorm2d(p.at("bn1"), 2);
      expect(() => norm.forward(onesTensor([1, 1, 1, 2]), trainingContext())).toThrow("bn1: one value a channel");
    }));

  test("dropout keeps the mean, drops at its rate, and does nothing in inference", () =>
    scope(() => {
      const x = onesTensor([100, 100]);
      const layer = new Dropout("head_drop", 0.25);
      expect(layer.forward(x)).toBe(x);
      const values = layer.forward(x, trainingContext(createRng(1))).dataSync();
      expect(new Set(values)).toEqual(new Set([0, Math.fround(1 / 0.75)]));
      const kept = values.filter((v) => v !== 0).length;
      expect(Math.abs(kept - 7500)).toBeLessThan(200); // 4.6 standard deviations
      const again = new Dropout("other", 0.25).forward(x, trainingContext(createRng(1))).dataSync();
      expect(again).not.toEqual(values);
      expect(() => new Dropout("head_drop", 1)).toThrow("head_drop: a drop rate is at least 0 and below 1, found 1");
      expect(() => layer.forward(x, trainingContext())).toThrow("head_drop drops at random in training");
    }));

  test("DropPath keeps or drops an image's branch as a whole", () =>
    scope(() => {
      const dropped = new DropPath("drop_path", 0.5).forward(onesTensor([64, 3, 3]), trainingContext(createRng(1)));
      const rows = reshape(dropped, [64, 9]).arraySync() as number[][];
      for (const row of rows) expect(new Set(row).size).toBe(1);
      expect(new Set(rows.map((row) => row[0]))).toEqual(new Set([0, 2]));
    }));

  test("LayerScale multiplies each channel", () =>
    scope((p) => {
      const scale = new LayerScale(p.at("ls1"), 2, { initial: 0.5 });
      expect([...p.named().keys()]).toEqual(["ls1.gamma"]);
      expect([...scale.forward(tensor([2, 4], [1, 2])).dataSync()]).toEqual([1, 2]);
    }));

  test("the global average is over the map", () =>
    scope(() => {
      expect([...globalAvgPool(tensor([1, 10, 3, 30], [1, 2, 1, 2]) as Tensor4D).dataSync()]).toEqual([2, 20]);
    }));
});
