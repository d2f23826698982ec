/** Blocked convolutions against plain ones, in this machine's own block size; without blocks these tests skip. */
import { conv2d, grads, pad as padTensor, type Tensor, type Tensor4D, useBackend } from "@vitrail/tensor";
import { beforeAll, describe, expect, test } from "vitest";
import type { Graph } from "../ir.ts";
import { blockSizeOf, probeOf } from "../runtime/block-size.ts";
import { opsOf, runGraph, traced } from "../testing.ts";
import { trace } from "../trace.ts";
import { blockConvolutions } from "./blocked.ts";
import { BLOCKED_DOMAIN } from "./blocked-forms.ts";
import { optimise } from "./index.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

const options = { graphOptimizationLevel: "disabled" };
const { graph: reorder, dims, data } = probeOf();
const block = await runGraph(reorder, { x: { dims, data } }, options).then(
  ({ y }) => blockSizeOf(y?.data ?? []),
  () => 1,
);
const without = block === 1 ? " (skipped: this processor has no blocks)" : "";

/** "hand": padded by one on each side before, as models do. */
type Padding = "same" | "valid" | "hand";

/** A convolution with both gradients, as a step traces it; x0 the map, x1 the filter, x2 the slope. */
function graphOf(map: readonly number[], filter: readonly number[], stride: number, padding: Padding): Graph {
  const f = (x: Tensor, w: Tensor) => {
    const around = [0, 1, 1, 0].map((p) => [p, p] as [number, number]);
    const wide = padding === "hand" ? padTensor(x as Tensor4D, around as never) : x;
    return conv2d(wide as Tensor4D, w as Tensor4D, stride, padding === "hand" ? "valid" : padding);
  };
  const more = padding === "hand" ? 2 : 0;
  const side = (size: number, kernel: number) =>
    Math.ceil((padding === "same" ? size : size + more - kernel + 1) / stride);
  const [n, h, w] = map as [number, number, number, number];
  const [kh, kw, , k] = filter as [number, number, number, number];
  const step = (...tensors: Tensor[]) => {
    const [x, weight, dy] = tensors as [Tensor, Tensor, Tensor];
    const [dx, dw] = grads(f as never)([x, weight], dy) as [Tensor, Tensor];
    return { y: f(x, weight), dx, dw };
  };
  const shapes = [map, filter, [n, side(h, kh), side(w, kw), k]];
  const graph = trace(
    step,
    shapes.map((shape, i) => ({ name: `x${i}`, shape })),
    { choices: true },
  );
  optimise(graph, { contrib: true, training: true });
  return graph;
}

const blockedNodes = (graph: Graph, op: string) =>
  graph.nodes.filter((node) => node.domain === BLOCKED_DOMAIN && node.op === op);

describe(`blocked convolutions${without}`, () => {
  const [b, twice] = [block, 2 * block];
  test.skipIf(block === 1).each([
    ["3 x 3", [3, 9, 7, b], [3, 3, b, twice], 1, "same", 2],
    ["3 x 3 with a stride, odd sizes", [2, 9, 11, twice], [3, 3, twice, b], 2, "same", 5],
    ["a window larger than the map", [1, 3, 2, b], [5, 5, b, b], 1, "same", 2],
    ["no padding, one side only", [2, 5, 8, b], [1, 3, b, b], 1, "valid", 2],
    ["1 x 1 with a stride", [2, 8, 8, b], [1, 1, b, b], 2, "valid", 2],
    ["an image's three channels", [2, 16, 15, 3], [7, 7, 3, b], 2, "same", 1],
    ["fewer channels than a block", [2, 6, 6, b / 2], [3, 3, b / 2, b], 1, "same", 1],
    ["a large window and stride", [2, 13, 11, b], [5, 4, b, twice], 3, "valid", 10],
    ["a window smaller than its stride", [2, 9, 9, b], [2, 2, b, b], 3, "valid", 1],
    // Whole blocks of images: the filter's gradient is a convolution for each of its rows.
    ["blocks of images", [b, 9, 7, b], [3, 3, b, b], 1, "same", 3],
    ["blocks of images, padded by hand", [b, 6, 8, twice], [3, 3, twice, b], 1, "hand", 3],
    ["blocks of images, blocks of channels", [twice, 6, 8, b], [3, 3, b, twice], 1, "hand", 5],
    ["blocks of images with a stride", [b, 9, 8, b], [3, 3, b, twice], 2, "same", 8],
    ["blocks of images with a stride, padded by hand", [twice, 8, 9, b + 4], [3, 3, b + 4, b], 2, "hand", 3],
    ["blocks of images, two rows", [b, 6, 5, b], [2, 5, b, b], 1, "valid", 3],
    ["a stride with columns left over", [b, 7, 8, b], [3, 3, b, b], 3, "valid", 13],
    ["rows that see no map", [b, 1, 4, b], [5, 3, b, b], 1, "same", 2],
  ] as const)("%s, with its gradients", async (_, map, filter, stride, pad, count) => {
    const graph = graphOf(map, filter, stride, pad);
    const feeds = Object.fromEntries(
      graph.inputs.map(({ name, value: { shape } }, i) => {
        const size = shape.reduce((n, d) => n * d, 1);
        return [name, { dims: shape, data: Float32Array.from({ length: size }, (_, k) => Math.sin(k * 1.3 + i)) }];
      }),
    );
    const before = await runGraph(blockConvolutions(graph, 1), feeds, options);
    const made = blockConvolutions(graph, block);
    const after = await runGraph(made, feeds, options);
    expect(blockedNodes(made, "Conv")).toHaveLength(count);
    for (const [name, { data: expected }] of Object.entries(before)) {
      const found = after[name]?.data as Float32Array;
      const size = Math.max(...expected.map(Math.abs));
      const error = Math.max(...expected.map((v, i) => Math.abs((found[i] as number) - v)));
      expect(error / size, name).toBeLessThan(1e-5);
    }
    // The graph that was given can still be run: another engine may have to.
    expect(await runGraph(blockConvolutions(graph, 1), feeds, options)).toEqual(before);
  });

  test.skipIf(block === 1)("the other block size is not taken for this one's", async () => {
    const graph = traced(
      (x, w) => conv2d(x as Tensor4D, w as Tensor4D, 1, "same"),
      [
        [1, 4, 4, 32],
        [3, 3, 32, 32],
      ],
    );
    const feeds = Object.fromEntries(
      graph.inputs.map(({ name, value: { shape } }) => {
        const size = shape.reduce((n, d) => n * d, 1);
        return [name, { dims: shape, data: Float32Array.from({ length: size }, (_, k) => Math.sin(k * 1.3)) }];
      }),
    );
    const run = async (size: number) => (await runGraph(blockConvolutions(graph, size), feeds, options)).output?.data;
    const right = await run(block);
    expect(right?.every(Number.isFinite)).toBe(true);
    expect(await run(block === 16 ? 8 : 16)).not.toEqual(right);
  });
});

test.each([8, 16])("filters come in blocks of %d, a map is turned once, what does not divide stays", (size) => {
  const conv = (map: readonly number[], filter: readonly number[]) =>
    blockConvolutions(graphOf(map, filter, 1, "same"), size);
  const whole = conv([2, 6, 6, 2 * size], [3, 3, 2 * size, size]);
  expect(blockedNodes(whole, "Conv")).toHaveLength(2);
  expect(blockedNodes(whole, "ReorderInput").filter(({ inputs }) => inputs[0]?.shape[0] === 2)).toHaveLength(2);
  const transposes = whole.nodes.filter(({ op, inputs }) => op === "Transpose" && inputs[0]?.shape.length === 5);
  expect(transposes.map(({ inputs }) => inputs[0]?.shape)).toContainEqual([1, 2, size, 9, size]);
  for (const [channels, outputs] of [
    [size + 4, size],
    [size, size + 4],
  ] as const) {
    const other = conv([2, 6, 6, channels], [3, 3, channels, outputs]);
    expect(opsOf(other)).not.toContain("ReorderInput");
  }
  expect(opsOf(conv([2, 6, 6, size], [1, 1, size, size]))).not.toContain("ReorderInput");
});
