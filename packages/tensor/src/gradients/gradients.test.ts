import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { onBackends } from "@repo/testing";
import * as tf from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { createRng, useBackend } from "../index.ts";

type Tensor = tf.Tensor;
const random = (shape: number[], seed: number): Tensor =>
  tf.tensor(createRng(seed).normal(shape.reduce((a, b) => a * b, 1)), shape);
/** Values that keep their distance from 0, where some ops have a kink. */
const away = (shape: number[], seed: number): Tensor =>
  tf.tidy(() => {
    const x = random(shape, seed);
    return tf.add(x, tf.mul(tf.sign(x), 0.3));
  });
const positive = (shape: number[], seed: number): Tensor => tf.tidy(() => tf.add(tf.abs(random(shape, seed)), 0.4));

const padded = "conv2d, stride 2, padded";

/** Every differentiable op that the workspace re-exports, on inputs where it is smooth. */
const cases: [string, (...x: Tensor[]) => Tensor, Tensor[] | (() => Tensor[])][] = [
  ["abs", (x) => tf.abs(x as Tensor), () => [away([3, 4], 1)]],
  ["add", (a, b) => tf.add(a as Tensor, b as Tensor), () => [random([3, 4], 1), random([4], 2)]],
  ["avgPool", (x) => tf.avgPool(x as tf.Tensor4D, 2, 2, "valid"), () => [random([2, 4, 4, 3], 1)]],
  ["avgPool, overlapping", (x) => tf.avgPool(x as tf.Tensor4D, 3, 2, "valid"), () => [random([2, 7, 7, 3], 1)]],
  [
    "batchNorm",
    (x, mean, variance, scale, offset) =>
      tf.batchNorm(
        x as Tensor,
        mean as tf.Tensor1D,
        variance as tf.Tensor1D,
        offset as tf.Tensor1D,
        scale as tf.Tensor1D,
      ),
    () => [random([2, 3, 3, 4], 1), random([4], 2), positive([4], 3), random([4], 4), random([4], 5)],
  ],
  ["prod", (x) => tf.prod(x as Tensor, [0, 2]), () => [positive([2, 3, 2], 1)]],
  ["prod, a zero among the factors", (x) => tf.prod(x as Tensor), () => [tf.tensor([2, 0, 3])]],
  ["broadcastTo", (x) => tf.broadcastTo(x as Tensor, [3, 2, 4]), () => [random([2, 1], 1)]],
  ["cast", (x) => tf.cast(x as Tensor, "float32"), () => [random([3], 1)]],
  ["clipByValue", (x) => tf.clipByValue(x as Tensor, -1, 1), () => [tf.tensor([-2, -0.5, 0.5, 2])]],
  ["clone", (x) => tf.clone(x as Tensor), () => [random([3], 1)]],
  ["concat", (a, b) => tf.concat([a as Tensor, b as Tensor], 1), () => [random([2, 3], 1), random([2, 2], 2)]],
  [
    "conv2d",
    (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "same"),
    () => [random([2, 5, 5, 3], 1), random([3, 3, 3, 4], 2)],
  ],
  [
    padded,
    (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 2, 1, "NHWC", 1, "floor"),
    () => [random([2, 6, 6, 3], 1), random([3, 3, 3, 2], 2)],
  ],
  [
    "depthwiseConv2d",
    (x, w) => tf.depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "same"),
    () => [random([2, 5, 5, 3], 1), random([3, 3, 3, 1], 2)],
  ],
  ["div", (a, b) => tf.div(a as Tensor, b as Tensor), () => [random([3, 4], 1), positive([4], 2)]],
  ["erf", (x) => tf.erf(x as Tensor), () => [random([5], 1)]],
  ["exp", (x) => tf.exp(x as Tensor), () => [random([5], 1)]],
  ["expandDims", (x) => tf.expandDims(x as Tensor, 1), () => [random([5], 1)]],
  ["gather", (x) => tf.gather(x as Tensor, tf.tensor1d([2, 0, 2], "int32")), () => [random([4, 3], 1)]],
  [
    "gatherND",
    (x) =>
      tf.gatherND(
        x as Tensor,
        tf.tensor2d(
          [
            [2, 0],
            [0, 1],
            [2, 0],
          ],
          [3, 2],
          "int32",
        ),
      ),
    () => [random([4, 3], 1)],
  ],
  ["log", (x) => tf.log(x as Tensor), () => [positive([5], 1)]],
  ["logSoftmax", (x) => tf.logSoftmax(x as Tensor), () => [random([3, 4], 1)]],
  ["matMul", (a, b) => tf.matMul(a as Tensor, b as Tensor), () => [random([3, 4], 1), random([4, 2], 2)]],
  [
    "matMul, b transposed",
    (a, b) => tf.matMul(a as Tensor, b as Tensor, false, true),
    () => [random([2, 3, 4], 1), random([2, 5, 4], 2)],
  ],
  [
    "matMul, a transposed",
    (a, b) => tf.matMul(a as Tensor, b as Tensor, true),
    () => [random([2, 4, 3], 1), random([2, 4, 5], 2)],
  ],
  [
    "matMul of rank 3 by 2",
    (a, b) => tf.matMul(a as Tensor, b as Tensor),
    () => [random([2, 3, 4], 1), random([4, 5], 2)],
  ],
  [
    "matMul of rank 3 by 2, b transposed",
    (a, b) => tf.matMul(a as Tensor, b as Tensor, false, true),
    () => [random([2, 3, 4], 1), random([5, 4], 2)],
  ],
  [
    "matMul of rank 2 by 3",
    (a, b) => tf.matMul(a as Tensor, b as Tensor),
    () => [random([3, 4], 1), random([2, 4, 5], 2)],
  ],
  [
    "max",
    (x) => tf.max(x as Tensor, 1),
    () => [
      tf.tensor([
        [1, 3, 2],
        [6, 4, 5],
      ]),
    ],
  ],
  ["maximum", (a, b) => tf.maximum(a as Tensor, b as Tensor), () => [tf.tensor([1, 4, 3]), tf.tensor([2, 2, 5])]],
  [
    "maxPool",
    (x) => tf.maxPool(x as tf.Tensor4D, 3, 2, "valid"),
    () => [
      tf.tensor(
        Array.from(createRng(4).permutation(98), (v) => v / 5),
        [1, 7, 7, 2],
      ),
    ],
  ],
  ["mean", (x) => tf.mean(x as Tensor, [0, 2]), () => [random([2, 3, 4], 1)]],
  [
    "min",
    (x) => tf.min(x as Tensor, 1),
    () => [
      tf.tensor([
        [1, 3, 2],
        [6, 4, 5],
      ]),
    ],
  ],
  ["minimum", (a, b) => tf.minimum(a as Tensor, b as Tensor), () => [tf.tensor([1, 4, 3]), tf.tensor([2, 2, 5])]],
  ["moments", (x) => tf.moments(x as Tensor, [0]).variance, () => [random([4, 3], 1)]],
  ["mul", (a, b) => tf.mul(a as Tensor, b as Tensor), () => [random([3, 4], 1), random([3, 1], 2)]],
  ["neg", (x) => tf.neg(x as Tensor), () => [random([5], 1)]],
  [
    "pad",
    (x) =>
      tf.pad(x as Tensor, [
        [1, 2],
        [0, 1],
      ]),
    () => [random([2, 3], 1)],
  ],
  ["pow", (a, b) => tf.pow(a as Tensor, b as Tensor), () => [positive([4], 1), random([4], 2)]],
  ["relu", (x) => tf.relu(x as Tensor), () => [away([6], 1)]],
  ["reshape", (x) => tf.reshape(x as Tensor, [3, 4]), () => [random([2, 6], 1)]],
  ["rsqrt", (x) => tf.rsqrt(x as Tensor), () => [positive([5], 1)]],
  ["softplus", (x) => tf.softplus(x as Tensor), () => [random([5], 1)]],
  ["sigmoid", (x) => tf.sigmoid(x as Tensor), () => [random([5], 1)]],
  ["slice", (x) => tf.slice(x as Tensor, [1, 0], [2, 2]), () => [random([4, 3], 1)]],
  ["softmax", (x) => tf.softmax(x as Tensor), () => [random([2, 3, 4], 1)]],
  ["split", (x) => tf.concat([...tf.split(x as Tensor, [1, 3], 1)].reverse(), 1), () => [random([2, 4], 1)]],
  ["sqrt", (x) => tf.sqrt(x as Tensor), () => [positive([5], 1)]],
  ["square", (x) => tf.square(x as Tensor), () => [random([5], 1)]],
  ["squeeze", (x) => tf.squeeze(x as Tensor, [1]), () => [random([3, 1, 2], 1)]],
  ["stack", (a, b) => tf.stack([a as Tensor, b as Tensor], 1), () => [random([3], 1), random([3], 2)]],
  ["stridedSlice", (x) => tf.stridedSlice(x as Tensor, [0, 1, 0], [2, 6, 3], [1, 2, 3]), () => [random([2, 7, 3], 1)]],
  ["stridedSlice, backwards", (x) => tf.stridedSlice(x as Tensor, [5, 0], [0, 3], [-2, 2]), () => [random([6, 3], 1)]],
  ["sub", (a, b) => tf.sub(a as Tensor, b as Tensor), () => [random([3, 4], 1), random([4], 2)]],
  ["sum", (x) => tf.sum(x as Tensor, 1), () => [random([3, 4], 1)]],
  ["tanh", (x) => tf.tanh(x as Tensor), () => [random([5], 1)]],
  ["tile", (x) => tf.tile(x as Tensor, [2, 3]), () => [random([2, 2], 1)]],
  ["transpose", (x) => tf.transpose(x as Tensor, [2, 0, 1]), () => [random([2, 3, 4], 1)]],
  [
    "unstack",
    (x) => tf.add(...(tf.unstack(x as Tensor, 1).slice(0, 2) as [Tensor, Tensor])),
    () => [random([3, 3], 1)],
  ],
  [
    "where of a comparison",
    (a, b) => tf.where(tf.greater(a as Tensor, b as Tensor), tf.mul(a as Tensor, 2), b as Tensor),
    () => [tf.tensor([1, 4, 3]), tf.tensor([2, 2, 5])],
  ],
];

onBackends(["cpu", "wasm", "tfjs-node"], (backend) => {
  const native = backend === "tfjs-node";
  test.each(native ? cases.filter(([name]) => name !== padded) : cases)(
    "the gradient of %s is its slope",
    (_, op, make) => {
      const inputs = typeof make === "function" ? make() : make;
      const dy = tf.tidy(() => random(op(...inputs).shape, 9));
      const before = tf.memory().numTensors;
      const found = tf.grads(op)(inputs, dy);
      expect(tf.memory().numTensors).toBe(before + found.length);
      const loss = (args: Tensor[]) => tf.tidy(() => tf.sum(tf.mul(op(...args), dy)).dataSync()[0] as number);
      inputs.forEach((input, i) => {
        expect(found[i]?.shape).toEqual(input.shape);
        const direction = createRng(11).at(i).normal(input.size);
        const at = (h: number) => {
          const values = input.dataSync().map((v, e) => v + h * (direction[e] as number));
          const moved = tf.tensor(values, input.shape);
          const result = loss(inputs.map((t, j) => (j === i ? moved : t)));
          moved.dispose();
          return result;
        };
        const h = 0.02;
        const slope = (8 * (at(h / 2) - at(-h / 2)) - (at(h) - at(-h))) / (6 * h);
        const values = Array.from((found[i] as Tensor).dataSync());
        const expected = values.reduce((total, v, e) => total + v * (direction[e] as number), 0);
        const scale = Math.max(1, Math.abs(expected), Math.max(...values.map(Math.abs)) * Math.sqrt(input.size));
        expect(Math.abs(slope - expected) / scale).toBeLessThan(1e-3);
      });
      tf.dispose([...inputs, ...found, dy]);
    },
  );

  if (!native) return;
  test("numbers for padding are refused, as tfjs-node does: the layers pad first", () => {
    const [, op, make] = cases.find(([name]) => name === padded) as (typeof cases)[number];
    const inputs = (make as () => Tensor[])();
    expect(() => tf.tidy(() => op(...inputs))).toThrow("TF Backend supports only 'valid' and 'same' padding");
    tf.dispose(inputs);
  });
});

test("every gradient that tfjs has is registered, and no comparison lacks one", async () => {
  await useBackend("cpu");
  const folder = join(
    dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-core/package.json")),
    "dist/gradients",
  );
  const names = readdirSync(folder)
    .filter((file) => file.endsWith("_grad.js"))
    .map((file) => /kernelName: (\w+)/.exec(readFileSync(join(folder, file), "utf8"))?.[1] as string);
  expect(names.length).toBeGreaterThan(100);
  const kernels = tf as unknown as Record<string, string>;
  const missing = names.filter((name) => tf.getGradient(kernels[name] as string) === undefined);
  expect(missing).toEqual([]);
  for (const name of ["Greater", "Less", "LessEqual", "Equal", "NotEqual", "GatherNd", "StridedSlice"]) {
    expect(tf.getGradient(name), name).toBeDefined();
  }
});

test("every op of ops.ts that computes from tensors stands in the list above or has no gradient", async () => {
  const ops = await import("../ops.ts");
  const noGradient = [
    ...["fill", "oneHot", "ones", "onesLike", "tensor", "zeros", "zerosLike"],
    ...["argMax", "greater", "greaterEqual", "logicalAnd", "topk"],
    "sign", // tfjs's is zero everywhere
  ];
  const covered = new Set(cases.map(([name]) => name.split(/[ ,]/, 1)[0] as string));
  // tfjs marks its ops so.
  const names = Object.entries(ops).flatMap(([name, value]) =>
    (value as { name?: string }).name?.endsWith("__op") ? [name] : [],
  );
  expect(names.length).toBeGreaterThan(50);
  expect(names.filter((name) => !covered.has(name) && !noGradient.includes(name))).toEqual([]);
});
