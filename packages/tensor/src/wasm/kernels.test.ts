import { expectClose } from "@repo/testing";
import { engine, type Tensor } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import {
  broadcastTo,
  createRng,
  depthwiseConv2d,
  dispose,
  matMul,
  mul,
  sum,
  type Tensor4D,
  tensor,
  useBackend,
} from "../index.ts";

beforeAll(() => useBackend("cpu"));

const random = (shape: number[], seed: number) =>
  tensor(createRng(seed).normal(shape.reduce((a, b) => a * b, 1)), shape);

const run = (kernel: string, inputs: Record<string, Tensor>, attrs: object): Tensor =>
  engine().runKernel(kernel, inputs as never, attrs as never) as Tensor;

async function onBoth(compute: () => Tensor): Promise<[Float32Array, Float32Array]> {
  const values: Float32Array[] = [];
  for (const backend of ["cpu", "wasm"] as const) {
    await useBackend(backend);
    const before = engine().memory().numTensors;
    const out = compute();
    values.push((await out.data()) as Float32Array);
    out.dispose();
    expect(engine().memory().numTensors).toBe(before);
  }
  return values as [Float32Array, Float32Array];
}

type Pad = "same" | "valid" | [[number, number], [number, number], [number, number], [number, number]];
const around = (p: number): Pad => [
  [0, 0],
  [p, p],
  [p, p],
  [0, 0],
];
const cases: [number, number, number, number, number, number, number, number, Pad][] = [];
for (const [k, pads] of [
  [1, ["same", "valid"]],
  [2, ["same", "valid", around(1)]],
  [3, ["same", "valid", around(1), around(2)]],
  [5, ["same", around(2)]],
  [7, [around(3)]],
] as [number, Pad[]][]) {
  for (const pad of pads) {
    for (const [s, h, w, ci, co] of [
      [1, 9, 7, 3, 4],
      [2, 9, 8, 17, 5],
      [2, 12, 10, 2, 3],
      [3, 11, 13, 4, 2],
    ] as const) {
      cases.push([k, s, 3, h, w, ci, co, 0, pad]);
    }
  }
}

const sizeOf = (side: number, k: number, s: number, p: Pad, axis: 1 | 2) =>
  p === "same" ? Math.ceil(side / s) : Math.floor((side - k + (p === "valid" ? 0 : p[axis][0] + p[axis][1])) / s) + 1;

describe.each(cases)("a %i x %i / %i convolution", (k, s, n, h, w, ci, co, _, pad) => {
  const inputs = () => ({
    x: random([n, h, w, ci], 1),
    filter: random([k, k, ci, co], 3),
    dy: random([n, sizeOf(h, k, s, pad, 1), sizeOf(w, k, s, pad, 2), co], 2),
  });
  const attrs = { strides: [s, s], pad, dataFormat: "NHWC", dimRoundingMode: "floor" };

  test("has cpu's gradient in the filter", async () => {
    const { x, dy, filter } = inputs();
    const [cpu, wasm] = await onBoth(() =>
      run("Conv2DBackpropFilter", { x, dy }, { ...attrs, filterShape: filter.shape }),
    );
    expectClose(wasm, cpu, 2e-6);
    dispose([x, dy, filter]);
  });

  test("has cpu's gradient in the input", async () => {
    const { x, dy, filter } = inputs();
    const [cpu, wasm] = await onBoth(() =>
      run("Conv2DBackpropInput", { dy, filter }, { ...attrs, inputShape: x.shape }),
    );
    expectClose(wasm, cpu, 2e-6);
    dispose([x, dy, filter]);
  });
});

describe.each([
  [3, 1, 1, 1, "same"],
  [3, 2, 1, 2, "same"],
  [3, 2, 1, 1, around(1)],
  [5, 1, 1, 3, "valid"],
] as [number, number, number, number, Pad][])("a depthwise %i / %i, dilation %i, multiplier %i", (k, s, d, m, pad) => {
  test("has cpu's gradients in filter and input", async () => {
    const x = random([2, 9, 8, 5], 1);
    const filter = random([k, k, 5, m], 3);
    const effective = (k - 1) * d + 1;
    const dy = random([2, sizeOf(9, effective, s, pad, 1), sizeOf(8, effective, s, pad, 2), 5 * m], 2);
    const attrs = { strides: [s, s], pad, dilations: [d, d], dimRoundingMode: "floor" };
    const dw = await onBoth(() =>
      run("DepthwiseConv2dNativeBackpropFilter", { x, dy }, { ...attrs, filterShape: filter.shape }),
    );
    expectClose(dw[1], dw[0], 2e-6);
    const dx = await onBoth(() =>
      run("DepthwiseConv2dNativeBackpropInput", { dy, filter }, { ...attrs, inputShape: x.shape }),
    );
    expectClose(dx[1], dx[0], 2e-6);
    dispose([x, dy, filter]);
  });
});

test("a segment sum equals cpu's, an id that occurs twice and one below zero included", async () => {
  const x = random([6, 3], 1);
  const segmentIds = tensor([0, 2, 2, -1, 4, 0], [6], "int32");
  const [cpu, wasm] = await onBoth(() => run("UnsortedSegmentSum", { x, segmentIds }, { numSegments: 5 }));
  expectClose(wasm, cpu, 1e-7);
  dispose([x, segmentIds]);
});

describe.each([
  [
    [4, 5],
    [5, 3],
  ],
  [
    [2, 4, 5],
    [5, 3],
  ],
  [
    [2, 4, 5],
    [2, 5, 3],
  ],
  [
    [2, 3, 4, 5],
    [2, 3, 5, 7],
  ],
  [
    [1, 4, 5],
    [3, 5, 2],
  ],
  [
    [17, 33],
    [33, 19],
  ],
])("a product of %j and %j", (a, b) => {
  test.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])("equals cpu's, transposed: %s, %s", async (transposeA, transposeB) => {
    const turn = (shape: number[], t: boolean) =>
      t ? [...shape.slice(0, -2), shape.at(-1) as number, shape.at(-2) as number] : shape;
    const left = random(turn(a, transposeA), 1);
    const right = random(turn(b, transposeB), 2);
    const [cpu, wasm] = await onBoth(() => matMul(left, right, transposeA, transposeB));
    expectClose(wasm, cpu, 2e-6);
    dispose([left, right]);
  });
});

test("a product broadcasts both batches, where cpu's takes only one", async () => {
  await useBackend("wasm");
  const [a, b] = [random([2, 1, 4, 5], 1), random([1, 3, 5, 7], 2)];
  const whole = matMul(broadcastTo(a, [2, 3, 4, 5]), broadcastTo(b, [2, 3, 5, 7]));
  expectClose(matMul(a, b).dataSync(), whole.dataSync(), 0);
});

test("a dilated depthwise convolution's gradients are its adjoints, which cpu's kernels are not", async () => {
  await useBackend("wasm");
  const [x, filter] = [random([2, 9, 8, 5], 1), random([3, 3, 5, 2], 2)];
  const y = depthwiseConv2d(x as Tensor4D, filter as Tensor4D, 1, "same", "NHWC", 2);
  const dy = random(y.shape, 3);
  const attrs = { strides: [1, 1], pad: "same", dilations: [2, 2] };
  const dw = run("DepthwiseConv2dNativeBackpropFilter", { x, dy }, { ...attrs, filterShape: filter.shape });
  const dx = run("DepthwiseConv2dNativeBackpropInput", { dy, filter }, { ...attrs, inputShape: x.shape });
  const inner = (a: Tensor, b: Tensor) => sum(mul(a, b)).dataSync()[0] as number;
  expect(inner(dw, filter) / inner(y, dy)).toBeCloseTo(1, 5);
  expect(inner(dx, x) / inner(y, dy)).toBeCloseTo(1, 5);
});

test("a product over an empty axis is zero", async () => {
  await useBackend("wasm");
  expect(Array.from(matMul(tensor([], [2, 0]), tensor([], [0, 3])).dataSync())).toEqual([0, 0, 0, 0, 0, 0]);
});
