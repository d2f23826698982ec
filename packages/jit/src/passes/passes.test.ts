import {
  add,
  batchNorm,
  concat,
  conv2d,
  div,
  erf,
  gelu,
  grad,
  layerNorm,
  matMul,
  maxPool,
  mean,
  mul,
  ones,
  pad,
  relu,
  reshape,
  rsqrt,
  slice,
  softmax,
  square,
  sub,
  type Tensor,
  type Tensor4D,
  tensor,
  transpose,
  unstack,
  useBackend,
  zeros,
} from "@vitrail/tensor";
import { beforeAll, describe, expect, test } from "vitest";
import { countUses, type Graph } from "../ir.ts";
import { opsOf, traced } from "../testing.ts";
import { fuseAttention } from "./attention.ts";
import { foldBatchNorm } from "./batch-norm.ts";
import { foldBias } from "./bias.ts";
import { shareCommon } from "./common.ts";
import { foldConstants } from "./constants.ts";
import { removeDeadCode } from "./dead-code.ts";
import { fuseGelu } from "./gelu.ts";
import { fuseLayerNorm } from "./layer-norm.ts";
import { assignLayouts } from "./layout.ts";
import { dropUnusedPositions, foldPadding } from "./padding.ts";
import { simplify } from "./simplify.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

/** The ops that are left after some passes. */
const left = (
  f: (...inputs: Tensor[]) => Tensor,
  shapes: readonly (readonly (number | null)[])[],
  ...passes: ((graph: Graph) => void)[]
) => opsOf(traced(f, shapes, (graph) => passes.forEach((pass) => void pass(graph))));

const weight = (...shape: number[]) => tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5), shape);
const conv = (x: Tensor, channels: number) =>
  conv2d(x as Tensor4D, weight(3, 3, x.shape[3] as number, channels) as Tensor4D, 1, "valid");
const image = [null, 8, 8, 3] as const;

test("dead code goes, with what only it needed", () => {
  const f = (x: Tensor) => {
    mul(add(x, 1), 2);
    return sub(x, 3);
  };
  expect(left(f, [[2]], removeDeadCode)).toEqual(["Sub"]);
});

test("of equal nodes one is left, constants compared by value", () => {
  const f = (x: Tensor) => add(mul(x, 2), mul(x, 2));
  expect(left(f, [[2]], shareCommon)).toEqual(["Mul", "Add"]);
  expect(left((x) => add(mul(x, 2), mul(x, 3)), [[2]], shareCommon)).toEqual(["Mul", "Mul", "Add"]);
});

describe("simplify", () => {
  test("joins views of views and drops what changes nothing", () => {
    const f = (x: Tensor) => mul(add(reshape(reshape(x, [4]), [2, 2]), 0), 1);
    expect(left(f, [[4, 1]], simplify, removeDeadCode)).toEqual(["Reshape"]);
  });
  test("computes with a repeated value before it is repeated", () => {
    const f = (x: Tensor) => add(div(mul(reshape(mean(x, 0), [1, 2000]), ones([3, 2000])), 4), x);
    expect(left(f, [[3, 2000]], simplify, simplify, removeDeadCode)).toEqual(["ReduceMean", "Reshape", "Div", "Add"]);
  });
  test("takes a pad back where a slice cuts it away", () => {
    const f = (x: Tensor) => slice(pad(x, [[1, 1]]), [1], [4]);
    expect(left(f, [[4]], simplify, removeDeadCode)).toEqual([]);
    expect(left((x) => slice(pad(x, [[1, 1]]), [0], [4]), [[4]], simplify, removeDeadCode)).toEqual(["Pad", "Slice"]);
  });
});

describe("a crop after a convolution", () => {
  const slope = (stride: number, side: number) => (x: Tensor) => {
    const around = [1, 1] as [number, number];
    const f = (y: Tensor) =>
      conv2d(pad(y as Tensor4D, [[0, 0], around, around, [0, 0]]), weight(3, 3, 3, 3) as Tensor4D, stride, "valid");
    return grad(f as never)(zeros([1, side, side, 3]), x as never) as Tensor;
  };
  test.each([
    [1, 6, 6],
    [2, 7, 4],
    [2, 8, 4],
  ])("of a gradient is less padding: stride %i, %i pixels", (stride, side, out) => {
    const f = slope(stride, side);
    const shape = [1, out, out, 3];
    const before = traced(f, [shape], (graph) => void [assignLayouts, simplify].forEach((pass) => void pass(graph)));
    const sizes = (graph: Graph) =>
      graph.nodes.filter(({ op }) => op.startsWith("Conv")).map(({ outputs }) => outputs[0]?.shape[2]);
    expect(sizes(before)).toContain(side + 2);
    const after = traced(f, [shape]);
    expect(sizes(after)).toEqual([side]);
    // What is left turns the filter around.
    const slices = after.nodes.filter(({ op }) => op === "Slice");
    expect(slices.filter(({ attrs }) => (attrs.steps as readonly number[]).some((step) => step > 0))).toEqual([]);
  });
});

describe("layout", () => {
  test("slices of one map are cut after one transpose", () => {
    const f = (x: Tensor) => {
      const y = transpose(x, [1, 0, 2]);
      return add(slice(y, [0, 0, 0], [3, 2, 2]), slice(y, [1, 0, 0], [3, 2, 2]));
    };
    expect(left(f, [[2, 4, 2]], assignLayouts, removeDeadCode)).toEqual(["Transpose", "Slice", "Slice", "Add"]);
  });
  const passes = [assignLayouts, simplify, foldConstants, removeDeadCode];
  test("leaves one transpose before and none after a chain that ends in a mean", () => {
    const f = (x: Tensor) => {
      const y = relu(add(conv(x, 4), weight(4)));
      return mean(add(conv(y, 4), slice(y, [0, 1, 1, 0], [-1, 4, 4, -1])), [1, 2]);
    };
    const ops = left(f, [image], ...passes);
    expect(ops.filter((op) => op === "Transpose")).toHaveLength(1);
    expect(ops).toEqual(["Transpose", "Conv", "Add", "Relu", "Conv", "Slice", "Add", "ReduceMean"]);
  });
  test("goes through pads, joins and softmax with their axes renumbered", () => {
    const f = (x: Tensor) => {
      const y = conv(x, 4);
      return softmax(
        pad(concat([y, y], 3), [
          [0, 0],
          [1, 0],
          [0, 2],
          [0, 0],
        ]) as Tensor,
      );
    };
    const graph = traced(f, [image], (g) => passes.forEach((pass) => void pass(g)));
    expect(opsOf(graph)).toEqual(["Transpose", "Conv", "Concat", "Pad", "Softmax", "Transpose"]);
    expect(graph.nodes[2]?.attrs.axis).toBe(1);
    expect(graph.nodes[3]?.attrs.pads).toEqual([0, 0, 1, 0, 0, 0, 0, 2]);
    expect(graph.nodes[4]?.attrs.axis).toBe(1);
  });
});

test("constants are computed once, filters turned among them", () => {
  const f = (x: Tensor) => add(x, mul(sub(tensor([3, 4]), 1), tensor([[2], [10]])));
  const graph = traced(f, [[2, 2]], (g) => {
    foldConstants(g);
    removeDeadCode(g);
  });
  expect(opsOf(graph)).toEqual(["Add"]);
  expect([...(graph.nodes[0]?.inputs[1]?.data?.() ?? [])]).toEqual([4, 6, 20, 30]);
});

describe("padding", () => {
  const passes = [
    assignLayouts,
    simplify,
    foldConstants,
    removeDeadCode,
    (g: Graph) => dropUnusedPositions(g, countUses(g)),
    foldPadding,
  ];
  const around = [
    [0, 0],
    [1, 1],
    [1, 1],
    [0, 0],
  ] as [number, number][];
  test("becomes a convolution's own, also at the input", () => {
    expect(left((x) => conv(pad(x, around), 4), [image], ...passes, removeDeadCode)).toEqual([
      "Transpose",
      "Conv",
      "Transpose",
    ]);
  });
  test("becomes a max-pool's own only where it is minus infinity", () => {
    const f = (value: number) => (x: Tensor) => maxPool(pad(x as Tensor4D, around, value), 3, 2, "valid");
    expect(left(f(Number.NEGATIVE_INFINITY), [image], ...passes, removeDeadCode)).not.toContain("Pad");
    expect(left(f(0), [image], ...passes, removeDeadCode)).toContain("Pad");
  });
});

test("batch normalisation with known statistics becomes part of the convolution before it", () => {
  const f = (x: Tensor) => batchNorm(conv(x, 4), zeros([4]), weight(4), weight(4), weight(4));
  const passes = [assignLayouts, simplify, foldConstants, removeDeadCode];
  const graph = traced(f, [image], (g) => {
    for (const pass of passes) pass(g);
    foldBatchNorm(g, countUses(g));
    removeDeadCode(g);
  });
  expect(opsOf(graph)).toEqual(["Transpose", "Conv", "Transpose"]);
  const bias = graph.nodes[1]?.inputs[2]?.data?.() as Float32Array;
  expect(bias[0]).toBeCloseTo(0.5, 6); // offset, as the mean is 0
});

test("a bias becomes the product's own where it has one value a channel", () => {
  const f = (b: Tensor) => (x: Tensor) => add(matMul(x as never, weight(3, 4) as never), b);
  const pass = (g: Graph) => foldBias(g, countUses(g));
  expect(left(f(weight(4)), [[2, 3]], pass, removeDeadCode)).toEqual(["Gemm"]);
  expect(left(f(weight(2, 4)), [[2, 3]], pass, removeDeadCode)).toEqual(["Gemm", "Add"]);
});

test("layer normalisation is found, and not where something differs", () => {
  const f = (x: Tensor) => layerNorm(x, weight(4), weight(4), 1e-6);
  const graph = traced(f, [[null, 4]], (g) => {
    fuseLayerNorm(g);
    removeDeadCode(g);
  });
  expect(opsOf(graph)).toEqual(["LayerNormalization"]);
  expect(graph.nodes[0]?.attrs.epsilon).toBeCloseTo(1e-6, 12);
  const other = (x: Tensor) => {
    const centred = sub(x, mean(x, 0, true)); // over another axis
    const inverse = rsqrt(add(mean(square(centred), -1, true), 1e-6));
    return add(mul(mul(centred, inverse), weight(4)), weight(4));
  };
  expect(left(other, [[3, 4]], fuseLayerNorm, removeDeadCode)).not.toContain("LayerNormalization");
});

test("GELU is found, and not where a factor differs", () => {
  expect(left(gelu, [[2]], fuseGelu, removeDeadCode)).toEqual(["Gelu"]);
  const other = (x: Tensor) => mul(mul(x, 0.5), add(erf(mul(x, 0.7)), 1));
  expect(left(other, [[2]], fuseGelu, removeDeadCode)).not.toContain("Gelu");
});

test("self-attention is found", () => {
  const f = (x: Tensor) => {
    const qkv = add(matMul(reshape(x, [-1, 8]) as never, weight(8, 24) as never), weight(24));
    const heads = transpose(reshape(qkv, [x.shape[0] as number, 5, 3, 2, 4]), [2, 0, 3, 1, 4]);
    const [q, k, v] = unstack(heads) as [Tensor, Tensor, Tensor];
    const weights = softmax(matMul(mul(q, 0.5), k, false, true));
    return reshape(transpose(matMul(weights, v), [0, 2, 1, 3]), [x.shape[0] as number, 5, 8]);
  };
  const passes = [simplify, (g: Graph) => foldBias(g, countUses(g)), simplify, fuseAttention, simplify, removeDeadCode];
  expect(left(f, [[null, 5, 8]], ...passes)).toEqual(["Attention"]);
});
