/** The lowerings of a filter's gradient, each against tfjs's own. */
import { conv2d, grads, pad, type Tensor, type Tensor4D, tensor, useBackend } from "@vitrail/tensor";
import { beforeAll, describe, expect, test } from "vitest";
import { optimise } from "../passes/index.ts";
import { opsOf, runGraph, traced } from "../testing.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

type Around = readonly [top: number, bottom: number, left: number, right: number];

type Pads = Around | "same" | "valid";

/** [N, H, W, C] x [kh, kw, C, K] with a stride; padded by hand, as models do, or by the convolution. */
function convolution(x: Tensor, w: Tensor, pads: Pads, stride: number): Tensor4D {
  if (typeof pads === "string") return conv2d(x as Tensor4D, w as Tensor4D, stride, pads);
  const [top, bottom, left, right] = pads;
  const around: [number, number][] = [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ];
  return conv2d(pad(x, around) as Tensor4D, w as Tensor4D, stride, "valid");
}

const valuesOf = (shape: readonly number[], seed: number) =>
  Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, k) => Math.sin(k * 1.3 + seed) + 0.1);

describe("the gradient of a filter", () => {
  test.each<[string, number[], number[], Pads, number, Record<string, number>]>([
    [
      "3 x 3, of few channels",
      [2, 10, 12, 16],
      [3, 3, 16, 20],
      [1, 1, 1, 1],
      1,
      { Slice: 0, Pad: 3, Gather: 1, Gemm: 3 },
    ],
    ["3 x 3, of a long line", [2, 20, 26, 16], [3, 3, 16, 20], [1, 1, 1, 1], 1, { Slice: 1, Pad: 3, Gemm: 3 }],
    ["3 x 3, of many", [2, 10, 10, 16], [3, 3, 16, 72], [1, 1, 1, 1], 1, { Slice: 0, Pad: 4, Gemm: 9 }],
    ["padded by the convolution", [2, 10, 10, 16], [3, 3, 16, 72], "same", 1, { Slice: 0, Pad: 4, Gemm: 9 }],
    [
      "5 x 4, padded more on one side",
      [1, 11, 13, 17],
      [5, 4, 17, 9],
      [1, 3, 2, 1],
      1,
      { Slice: 0, Pad: 4, Gather: 1, Gemm: 4 },
    ],
    ["1 x 3", [1, 5, 24, 16], [1, 3, 16, 70], [0, 0, 1, 1], 1, { Slice: 0, Pad: 2, Gemm: 3 }],
    ["a map that shrinks", [2, 13, 12, 16], [3, 3, 16, 16], "valid", 1, { Slice: 9, Gemm: 9 }],
    ["a map that grows", [1, 10, 10, 16], [3, 3, 16, 16], [2, 2, 2, 2], 1, { Slice: 9, Gemm: 9 }],
    ["a small map", [2, 7, 7, 16], [3, 3, 16, 16], [1, 1, 1, 1], 1, { Slice: 0, Pad: 8, Gemm: 1 }],
    ["a map of one row", [2, 1, 6, 16], [3, 3, 16, 16], [1, 1, 1, 1], 1, { Slice: 0, Pad: 4, Gemm: 1 }],
    ["a map of one column", [2, 5, 1, 16], [3, 3, 16, 16], [1, 1, 1, 1], 1, { Slice: 0, Gemm: 1 }],
    ["a map of one pixel", [2, 1, 1, 16], [5, 3, 16, 16], [2, 2, 1, 1], 1, { Slice: 0, Pad: 0, Gemm: 1 }],
    ["an image's three channels", [2, 12, 11, 3], [3, 3, 3, 8], [1, 1, 1, 1], 1, { Slice: 0, Pad: 8, Gemm: 1 }],
    ["a stem", [2, 17, 22, 3], [7, 7, 3, 8], [3, 3, 3, 3], 2, { SpaceToDepth: 1, Gather: 1, FusedMatMul: 1 }],
    [
      "a stem with another stride",
      [1, 17, 14, 3],
      [5, 4, 3, 8],
      "valid",
      3,
      { SpaceToDepth: 1, Gather: 1, FusedMatMul: 1 },
    ],
    ["a stride over many channels", [2, 9, 12, 16], [3, 3, 16, 16], [1, 1, 1, 1], 2, { Slice: 9, Gemm: 9 }],
  ])("%s", async (_, map, filter, pads, stride, counts) => {
    const op = (...operands: [Tensor, Tensor]) => convolution(...operands, pads, stride);
    const f = (...[x, w, dy]: Tensor[]) => (grads(op as never)([x, w] as Tensor[], dy) as Tensor[])[1] as Tensor;
    const [x, w] = [tensor(valuesOf(map, 0), map), tensor(valuesOf(filter, 1), filter)];
    const slope = op(x, w).shape;
    const inputs = [map, filter, slope];
    const expected = f(x, w, tensor(valuesOf(slope, 2), slope));
    const graph = traced(f, inputs, (g) => optimise(g, { contrib: true, training: true }));
    const feeds = inputs.map((dims, i) => [`x${i}`, { dims, data: valuesOf(dims, i) }] as const);
    const found = await runGraph(
      graph,
      Object.fromEntries(feeds.filter(([name]) => graph.inputs.some((v) => v.name === name))),
    );
    const [values] = Object.values(found);
    const reference = expected.dataSync();
    const size = Math.max(...reference.map(Math.abs));
    expect(values?.dims).toEqual(filter);
    expect(Math.max(...reference.map((v, i) => Math.abs(v - (values?.data[i] as number)))) / size).toBeLessThan(1e-5);
    const ops = opsOf(graph);
    for (const [op, n] of Object.entries(counts))
      expect(
        ops.filter((one) => one === op),
        op,
      ).toHaveLength(n);
  });
});
