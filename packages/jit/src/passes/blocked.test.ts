/** Blocked convolutions against plain ones, in this machine's own block size; without blocks these tests skip. */
import {
  add,
  batchNormTraining,
  concat,
  conv2d,
  div,
  grads,
  matMul,
  mean,
  mul,
  neg,
  pad as padTensor,
  relu,
  reshape,
  sigmoid,
  slice,
  sub,
  sum,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
  useBackend,
} from "@vitrail/tensor";
import { beforeAll, describe, expect, test } from "vitest";
import type { Graph } from "../ir.ts";
import { opsOf, runGraph, thisBlock, traced } from "../testing.ts";
import { type TraceResult, trace } from "../trace.ts";
import { blockConvolutions } from "./blocked.ts";
import { BLOCKED_DOMAIN } from "./blocked-forms.ts";
import { optimise } from "./index.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

const options = { graphOptimizationLevel: "disabled" };
const block = await thisBlock();
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
  return traceTraining(step, shapes);
}

/** As a step traces it, with choices open. */
function traceTraining(f: (...tensors: Tensor[]) => TraceResult, shapes: readonly (readonly number[])[]): Graph {
  const inputs = shapes.map((shape, i) => ({ name: `x${i}`, shape }));
  const graph = trace(f, inputs, { choices: true });
  optimise(graph, { contrib: true, training: true });
  return graph;
}

const feedsOf = (graph: Graph) =>
  Object.fromEntries(
    graph.inputs.map(({ name, value: { shape } }, i) => {
      const size = shape.reduce((n, d) => n * d, 1);
      return [name, { dims: shape, data: Float32Array.from({ length: size }, (_, k) => Math.sin(k * 1.3 + i) + 0.1) }];
    }),
  );

/** The graph in blocks, which computes what it does without. */
async function sameInBlocks(graph: Graph): Promise<Graph> {
  const feeds = feedsOf(graph);
  const plain = () => runGraph(blockConvolutions(graph, 1), feeds, options);
  const before = await plain();
  const made = blockConvolutions(graph, block);
  const after = await runGraph(made, feeds, options);
  for (const [name, { data: expected }] of Object.entries(before)) {
    const found = after[name]?.data as Float32Array;
    const size = Math.max(...expected.map(Math.abs));
    const error = Math.max(...expected.map((v, i) => Math.abs((found[i] as number) - v)));
    expect(error / size, name).toBeLessThan(1e-5);
  }
  expect(await plain()).toEqual(before); // another engine may have to run it
  return made;
}

const blockedNodes = (graph: Graph, op: string) =>
  graph.nodes.filter((node) => node.domain === BLOCKED_DOMAIN && node.op === op);

describe(`blocked convolutions${without}`, () => {
  const [b, twice] = [block, 2 * block];
  const many = Math.max(b, 16); // with fewer channels a stride's gradient is a stem's, which is not blocked
  test.skipIf(block === 1).each([
    ["3 x 3", [3, 9, 7, b], [3, 3, b, twice], 1, "same", 2],
    // The filter's gradient has a depthwise one for each tap, where the map is not only moved.
    ["3 x 3 with a stride, odd sizes", [2, 9, 11, twice], [3, 3, twice, b], 2, "same", 14],
    ["3 x 3 with a stride, even sizes, padded by hand", [2, 8, 6, twice], [3, 3, twice, b], 2, "hand", 14],
    ["a window larger than the map", [1, 3, 2, b], [5, 5, b, b], 1, "same", 2],
    ["no padding, one side only", [2, 5, 8, b], [1, 3, b, b], 1, "valid", 5],
    // Its map is thinned before it.
    ["1 x 1 with a stride", [2, 8, 8, b], [1, 1, b, b], 2, "valid", 3],
    ["1 x 1 with a stride, odd sizes, padded by hand", [2, 9, 5, b], [1, 1, b, twice], 2, "hand", 2],
    ["1 x 1 with a longer stride", [3, 7, 8, twice], [1, 1, twice, b], 3, "valid", 3],
    ["an image's three channels", [2, 16, 15, 3], [7, 7, 3, b], 2, "same", 1],
    ["fewer channels than a block", [2, 6, 6, b / 2], [3, 3, b / 2, b], 1, "same", 1],
    ["a large window and stride", [2, 13, 11, many], [5, 4, many, twice], 3, "valid", 30],
    ["a window smaller than its stride", [2, 9, 9, many], [2, 2, many, b], 3, "valid", 5],
    ["windows far beyond the map", [1, 2, 3, twice], [7, 5, twice, b], 2, "same", 40],
    // Whole blocks of images: the filter's gradient is a convolution for each of its rows.
    ["blocks of images", [b, 9, 7, b], [3, 3, b, b], 1, "same", 3],
    ["blocks of images, padded by hand", [b, 6, 8, twice], [3, 3, twice, b], 1, "hand", 3],
    ["blocks of images, blocks of channels", [twice, 6, 8, b], [3, 3, b, twice], 1, "hand", 5],
    ["blocks of images with a stride", [b, 9, 8, many], [3, 3, many, twice], 2, "same", 8],
    ["blocks of images with a stride, padded by hand", [twice, 8, 9, many + 4], [3, 3, many + 4, b], 2, "hand", 3],
    ["blocks of images, two rows", [b, 6, 5, b], [2, 5, b, b], 1, "valid", 3],
    ["a stride with columns left over", [b, 7, 8, many], [3, 3, many, b], 3, "valid", 13],
    ["rows that see no map", [b, 1, 4, b], [5, 3, b, b], 1, "same", 2],
  ] as const)("%s, with its gradients", async (_, map, filter, stride, pad, count) => {
    const graph = graphOf(map, filter, stride, pad);
    const made = await sameInBlocks(graph);
    expect(blockedNodes(made, "Conv")).toHaveLength(count);
  });

  const image = [4, 7, 6, b];
  const vector = [b];
  const kernel = [3, 3, b, b];

  test.skipIf(block === 1)(
    "a residual block with batch normalisation stays in blocks, forward and backward",
    async () => {
      const shapes = [image, kernel, vector, vector, kernel, vector, vector, image];
      const f = (...tensors: Tensor[]) => {
        const slopes = grads(((x: Tensor4D, w: Tensor4D, a: Tensor, s: Tensor, v: Tensor4D, c: Tensor, t: Tensor) => {
          const y = relu(batchNormTraining(conv2d(x, w, 1, "same"), a as never, s as never).y) as Tensor4D;
          const z = batchNormTraining(conv2d(y, v, 1, "same"), c as never, t as never);
          return relu(add(z.y, x));
        }) as never)(tensors.slice(0, 7), tensors[7] as Tensor);
        const [x, w, a, s] = tensors as [Tensor4D, Tensor4D, Tensor, Tensor];
        const { y, mean, variance } = batchNormTraining(conv2d(x, w, 1, "same"), a as never, s as never);
        return { y: relu(y), mean, variance, ...Object.fromEntries(slopes.map((slope, i) => [`d${i}`, slope])) };
      };
      const made = await sameInBlocks(traceTraining(f as never, shapes));
      const ops = opsOf(made);
      for (const op of ["BatchNormalization", "Relu"]) expect(ops).not.toContain(op);
      expect(blockedNodes(made, "Conv").filter(({ attrs }) => attrs.activation === "Relu")).toHaveLength(1);
      expect(blockedNodes(made, "Conv").filter(({ inputs }) => inputs.length === 4).length).toBeGreaterThan(1);
      // Plain: what the filters' gradients read (two maps and their slopes), and what is given out.
      expect(blockedNodes(made, "ReorderOutput").length).toBeLessThanOrEqual(6);
    },
  );

  test.skipIf(block === 1)("the mean over many equal pixels is their value", async () => {
    const f = (...tensors: Tensor[]) => {
      const y = conv2d(tensors[0] as Tensor4D, tensors[1] as Tensor4D, 1, "valid");
      return { mean: mean(y, [0, 1, 2]), sum: sum(y, [1, 2]), y };
    };
    const graph = blockConvolutions(traceTraining(f, [[1, 114, 114, b], kernel]), block);
    const filled = (dims: readonly number[]) => ({
      dims,
      data: new Float32Array(dims.reduce((n, d) => n * d, 1)).fill(0.013),
    });
    const found = await runGraph(graph, { x0: filled([1, 114, 114, b]), x1: filled(kernel) }, options);
    const [value, middle, total] = [found.y, found.mean, found.sum].map((v) => v?.data[0] as number) as [
      number,
      number,
      number,
    ];
    expect(Math.abs(middle / value - 1)).toBeLessThan(2e-6);
    expect(Math.abs(total / (value * 112 * 112) - 1)).toBeLessThan(2e-6);
    expect(opsOf(graph)).toContain("GlobalAveragePool");
  });

  test.skipIf(block === 1)(
    "a stride's map is thinned in blocks, once for the convolution and its gradient",
    async () => {
      const f = (...tensors: Tensor[]) => {
        const loss = (w: Tensor4D, v: Tensor4D) => conv2d(conv2d(tensors[0] as Tensor4D, w, 1, "same"), v, 2, "valid");
        const [w, v, slope] = tensors.slice(1) as [Tensor4D, Tensor4D, Tensor];
        return { y: loss(w, v), dv: grads(loss as never)([w, v], slope)[1] as Tensor };
      };
      const made = await sameInBlocks(traceTraining(f as never, [[2, 9, 6, b], kernel, [1, 1, b, b], [2, 5, 3, b]]));
      expect(opsOf(made)).not.toContain("Slice");
      expect(blockedNodes(made, "Conv").filter(({ attrs }) => attrs.group === b)).toHaveLength(1);
    },
  );

  test.skipIf(block === 1).each([
    ["a small map", 16],
    ["a large one, row by row,", 17],
  ])("sums over %s of products are a convolution of one map with the other", async (_, side) => {
    const f = (...tensors: Tensor[]) => {
      const [x, w, v] = tensors as [Tensor4D, Tensor4D, Tensor4D];
      const [y, z] = [conv2d(x, w, 1, "same"), conv2d(x, v, 1, "same")];
      const read = mul(y, sigmoid(z));
      return {
        squares: mean(mul(y, y), [0, 1, 2]),
        products: sum(mul(y, z), [0, 1, 2]),
        each: sum(mul(sub(y, 0.1), z), [1, 2]),
        means: mean(mul(z, z), [1, 2]),
        read,
        sums: sum(read, [0, 1, 2]),
        rows: sum(mul(y, mean(z, [1, 2], true)), [1, 2]),
      };
    };
    const made = await sameInBlocks(traceTraining(f as never, [[2, side, 8 + side, b], kernel, kernel]));
    const dots = blockedNodes(made, "Conv").filter(({ attrs }) => (attrs.group as number) > b);
    expect(dots).toHaveLength(4);
  });

  test.skipIf(block === 1)("factors, terms and sums of channels, and operands that blocks do not change", async () => {
    const f = (...tensors: Tensor[]) => {
      const [x, w, v, n] = tensors as [Tensor4D, Tensor4D, Tensor, Tensor];
      const y = conv2d(x, w, 1, "same");
      const channels = mean(y, [1, 2]);
      return {
        scaled: sub(add(mul(relu(y), v), v), v),
        turned: sub(v, y),
        apart: mul(div(y, 2), reshape(n, [4, 1, 1, 1])),
        gated: mul(y, reshape(sigmoid(channels), [4, 1, 1, b])),
        sums: sum(y, [0, 1, 2]),
        channels,
        rows: sum(y, [1]),
        both: add(conv2d(y, w, 1, "same"), y),
        wide: concat([y, neg(y)], 3),
      };
    };
    await sameInBlocks(traceTraining(f as never, [image, kernel, vector, [4]]));
  });

  test.skipIf(block === 1)(
    "a weight's gradient turns what is smaller, or what several read, and keeps its factor",
    async () => {
      const rows = 256;
      const f = (...tensors: Tensor[]) => {
        const [x, slope, narrow, wide] = tensors as [Tensor2D, Tensor2D, Tensor2D, Tensor2D];
        const part = (v: Tensor2D, height: number, width: number) => slice(v, [0, 0], [height, width]);
        return {
          left: matMul(x, slope, true),
          right: matMul(slope, narrow, true),
          taps: [0, 1].map((j) => matMul(wide, slice(slope, [0, j * b], [rows, b]), true)).reduce((p, q) => add(p, q)),
          few: matMul(part(x, 8, b), part(slope, 8, twice), true),
          uneven: matMul(part(x, rows, b - 1), slope, true),
        };
      };
      const shapes = [2, 4, 1, 5].map((blocks) => [rows, blocks * b]);
      const graph = traceTraining(f as never, shapes);
      for (const node of graph.nodes) if (node.op === "Gemm") Object.assign(node.attrs, { alpha: 0.5 }); // as `scaleProducts` leaves them
      const made = await sameInBlocks(graph);
      expect(made.nodes.filter(({ op, attrs }) => op === "Gemm" && attrs.transA === 1)).toHaveLength(2);
      expect(blockedNodes(made, "ReorderInput").map(({ inputs }) => inputs[0]?.shape[3])).toEqual([twice, b, 5 * b]);
    },
  );

  test.skipIf(block === 1)("the other block size is not taken for this one's", async () => {
    const graph = traced(
      (x, w) => conv2d(x as Tensor4D, w as Tensor4D, 1, "same"),
      [
        [1, 4, 4, 32],
        [3, 3, 32, 32],
      ],
    );
    const feeds = feedsOf(graph);
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
  const gathered = whole.nodes.filter(({ op }) => op === "Gather").map(({ inputs }) => inputs[0]?.shape);
  expect(gathered).toEqual([
    [2, 9 * size, size], // forward: [K / b, C / b, b of C, 9, b of K]
    [2, 9 * size, size], // backward: [C / b, K / b, b of K, 9, b of C]
  ]);
  for (const [channels, outputs] of [
    [size + 4, size],
    [size, size + 4],
  ] as const) {
    const other = conv([2, 6, 6, channels], [3, 3, channels, outputs]);
    expect(opsOf(other)).not.toContain("ReorderInput");
  }
  expect(opsOf(conv([2, 6, 6, size], [1, 1, size, size]))).not.toContain("ReorderInput");
});
