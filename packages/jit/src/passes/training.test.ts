/** Passes for graphs with gradients: what they find, and that the graph computes the same as before. */
import { maxPool } from "@vitrail/layers";
import {
  add,
  batchNormTraining,
  gelu,
  grads,
  keep,
  layerNorm,
  matMul,
  mul,
  relu,
  reshape,
  scaledDotProductAttention,
  square,
  sub,
  sum,
  type Tensor,
  type Tensor4D,
  transpose,
  useBackend,
  valueAndGrads,
} from "@vitrail/tensor";
import { beforeAll, expect, test } from "vitest";
import type { Graph } from "../ir.ts";
import { opsOf, runGraph, traced } from "../testing.ts";
import type { TraceResult } from "../trace.ts";
import { sumByProduct } from "./column-sums.ts";
import { removeDeadCode } from "./dead-code.ts";
import { gatherFactors } from "./factors.ts";
import { shareNormalCdf } from "./gelu.ts";
import { optimise } from "./index.ts";
import { fuseLayerNormTraining } from "./layer-norm.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

type Shapes = readonly (readonly number[])[];
type Step = (...inputs: Tensor[]) => TraceResult;

const count = (graph: Graph, op: string): number => opsOf(graph).filter((one) => one === op).length;

/** The graph after some passes, checked against the one before by running both on the same values. */
async function same(f: Step, shapes: Shapes, pass: (graph: Graph) => void): Promise<Graph> {
  const feeds = Object.fromEntries(
    shapes.map((dims, i) => {
      const size = dims.reduce((a, b) => a * b, 1);
      return [`x${i}`, { dims, data: Float32Array.from({ length: size }, (_, k) => Math.sin(k * 1.3 + i) + 0.5) }];
    }),
  );
  const options = { graphOptimizationLevel: "disabled" };
  const before = await runGraph(traced(f, shapes, removeDeadCode), feeds, options);
  const graph = traced(f, shapes, pass);
  const after = await runGraph(graph, feeds, options);
  for (const [name, { data }] of Object.entries(before)) {
    const size = Math.max(...data.map(Math.abs));
    data.forEach((v, i) => void expect(Math.abs((after[name]?.data[i] as number) - v)).toBeLessThan(2e-6 * (1 + size)));
  }
  return graph;
}

const training = (graph: Graph) => optimise(graph, { contrib: true, training: true });

test("factors that are one number meet before they meet a tensor", async () => {
  const f = (g: Tensor, s: Tensor) => {
    const clipped = mul(g, s);
    return { m: mul(clipped, 0.1), v: mul(square(clipped), 0.001), norm: sum(square(g)) };
  };
  const graph = await same(f, [[3, 4], []], (g) => {
    gatherFactors(g);
    training(g);
  });
  // g g, and one product each for m and v; the others have no dimensions.
  const wide = graph.nodes.filter(({ op, outputs }) => op === "Mul" && outputs[0]?.shape.length === 2);
  expect(wide).toHaveLength(3);
  const tiny = (g: Tensor) => mul(mul(g, 1e-30), 1e-30);
  expect(count(traced(tiny, [[3]], gatherFactors), "Mul")).toBe(2);
});

test("GELU and its gradient share Φ, made in one pass", async () => {
  const f = (x: Tensor, dy: Tensor) => {
    const { value, grads: slopes } = valueAndGrads(((z: Tensor) => gelu(z)) as never)([x], dy);
    return { value, slope: slopes[0] as Tensor };
  };
  const graph = await same(
    f,
    [
      [4, 8],
      [4, 8],
    ],
    training,
  );
  expect(count(graph, "HardSigmoid")).toBe(1);
  expect(opsOf(graph)).toHaveLength(10);
  expect(opsOf(traced((x) => mul(add(x, 1), 0.5), [[4]], shareNormalCdf))).toEqual(["Add", "Mul"]);
});

test("the product before GELU gives z / √2, those after it make up for that", async () => {
  const mlp = (x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor) => matMul(gelu(add(matMul(x, w1), b1)), w2);
  const f = (...inputs: Tensor[]) => {
    const dy = inputs.at(-1) as Tensor;
    const { value, grads: slopes } = valueAndGrads(mlp as never)(inputs.slice(0, -1), dy);
    return { value, dx: slopes[0] as Tensor, dw1: slopes[1] as Tensor, dw2: slopes[3] as Tensor };
  };
  const shapes = [[5, 4], [4, 8], [8], [8, 3], [5, 3]];
  const graph = await same(f, shapes, training);
  const alphas = graph.nodes.flatMap(({ op, attrs }) => (op === "Gemm" && attrs.alpha ? [attrs.alpha as number] : []));
  expect(alphas.map((alpha) => alpha.toFixed(4)).sort()).toEqual(["0.7071", "1.4142", "1.4142"]);
  expect(opsOf(graph).filter((op) => op !== "Gemm" && op !== "Reshape")).toHaveLength(9); // a pass less
  // What somebody else reads stays as it is.
  const shown = (x: Tensor, w: Tensor, w2: Tensor) => {
    const z = matMul(x, w);
    return { y: matMul(mul(z, relu(z)), w2), half: mul(z, 0.5), z };
  };
  const shapesShown = [
    [5, 4],
    [4, 8],
    [8, 3],
  ];
  expect(count(await same(shown, shapesShown, training), "Mul")).toBe(2);
  // Nor does a product take the factor that has x Φ as both of its operands: it would take it twice.
  const gram = (x: Tensor, w: Tensor) => {
    const y = gelu(matMul(x, w));
    return matMul(reshape(y, [10, 4]), reshape(y, [4, 10]));
  };
  await same(gram, shapesShown.slice(0, 2), training);
});

test("layer normalisation gives its gradient the mean and the deviation", async () => {
  const f = (x: Tensor, a: Tensor, b: Tensor, dy: Tensor) => {
    const op = (...at: Tensor[]) => layerNorm(at[0] as Tensor, at[1] as Tensor, at[2] as Tensor) as never;
    const { value, grads: slopes } = valueAndGrads(op as never)([x, a, b], dy);
    return { value, dx: slopes[0] as Tensor, da: slopes[1] as Tensor };
  };
  const graph = await same(f, [[2, 5, 8], [8], [8], [2, 5, 8]], training);
  expect(count(graph, "LayerNormalization")).toBe(1);
  expect(opsOf(graph)).not.toContain("Sqrt");
  const computed = (x: Tensor, a: Tensor) => layerNorm(x, mul(a, 2), a);
  expect(opsOf(traced(computed, [[2, 8], [8]], fuseLayerNormTraining))).not.toContain("LayerNormalization");
});

test("sums over the first axes are products with ones", async () => {
  const graph = await same((x) => sum(x, [0, 1]), [[4, 400, 3]], sumByProduct);
  expect(opsOf(graph)).toEqual(["Reshape", "Gemm", "Reshape"]);
  const other = (axes: number[], ...shape: number[]) => opsOf(traced((x) => sum(x, axes), [shape], sumByProduct));
  expect(other([0], 8, 60, 60)).toContain("Gemm");
  expect(other([0], 8, 3)).toEqual(["ReduceSum"]);
  expect(other([1], 80, 60)).toEqual(["ReduceSum"]);
  expect(other([0, 1], 80, 60)).toEqual(["ReduceSum"]);
});

test("batch normalisation is one node with memory of its own, its gradient an affine map and a sum", async () => {
  const f = (x: Tensor, a: Tensor, b: Tensor, dy: Tensor) => {
    let moved: Tensor | undefined;
    const op = (...at: Tensor[]) => {
      const [map, gain, shift] = at as [Tensor, Tensor, Tensor];
      // Twice with one gain and shift: nodes that shared their zeros would share their statistics.
      // One channel's ReLU is off everywhere: a constant map, whose gradient must not be noise.
      const first = batchNormTraining(map, gain, shift);
      const second = batchNormTraining(sub(relu(first.y), 3), gain, shift);
      moved = keep(sub(first.variance, mul(second.mean, 2)));
      return relu(second.y) as never;
    };
    const slopes = grads(op)([transpose(x, [0, 2, 3, 1]), a, b], transpose(dy, [0, 2, 3, 1]));
    return { dx: slopes[0] as Tensor, da: slopes[1] as Tensor, db: slopes[2] as Tensor, moved: moved as Tensor };
  };
  const graph = await same(f, [[2, 3, 6, 5], [3], [3], [2, 3, 6, 5]], training);
  const norms = graph.nodes.filter(({ op }) => op === "BatchNormalization");
  const statistics = norms.filter(({ outputs }) => outputs.length === 3);
  expect(statistics).toHaveLength(2);
  expect(norms).toHaveLength(4);
  const buffers = statistics.flatMap(({ inputs }) => inputs.slice(3));
  expect(new Set(buffers).size).toBe(4);
  expect(buffers.every((v) => v?.producer)).toBe(true);
});

test("a ReLU's gradient looks at its result, whose operand need not be kept", async () => {
  const f = (x: Tensor, dy: Tensor) => grads(((y: Tensor) => relu(mul(y, 2))) as never)([x], dy)[0] as Tensor;
  const both = (x: Tensor, dy: Tensor) => ({ y: relu(mul(x, 2)), slope: f(x, dy) });
  const graph = await same(
    both,
    [
      [3, 4],
      [3, 4],
    ],
    training,
  );
  const mask = graph.nodes.find(({ op }) => op === "HardSigmoid");
  expect(mask?.inputs[0]?.producer?.op).toBe("Relu");
});

test("behind a pool of maxima a ReLU's mask is on the pooled map", async () => {
  const pooled = (map: Tensor) => maxPool(relu(map) as Tensor4D, { kernel: 3, stride: 2, padding: 1 });
  const f = (x: Tensor, dy: Tensor) =>
    grads(pooled as never)([transpose(x, [0, 2, 3, 1])], transpose(dy, [0, 2, 3, 1]))[0] as Tensor;
  const graph = await same(
    f,
    [
      [2, 3, 7, 8],
      [2, 3, 4, 4],
    ],
    training,
  );
  const masks = graph.nodes.filter(({ op }) => op === "HardSigmoid");
  expect(masks.map(({ outputs }) => outputs[0]?.shape)).toEqual([[2, 3, 4, 4]]);
});

test("arithmetic of a 1 x 1 filter with a number happens on a view without the ones", async () => {
  const graph = await same(
    (x, s) => sub(1, mul(mul(x as Tensor, s as Tensor), x as Tensor)),
    [[4, 3, 1, 1], []],
    training,
  );
  const scaled = graph.nodes.filter(({ inputs }) => inputs.some((v) => v?.shape.length === 0));
  expect(scaled.map(({ op, outputs }) => [op, outputs[0]?.shape])).toEqual([
    ["Mul", [4, 3]],
    ["Sub", [4, 3]],
  ]);
});

test("the gradient of attention's weights sums over a head's values, not over the tokens", async () => {
  const shape = [2, 3, 7, 4];
  const f = (q: Tensor, k: Tensor, v: Tensor, dy: Tensor) => {
    const op = (...at: Tensor[]) => scaledDotProductAttention(...(at as [Tensor, Tensor, Tensor])) as never;
    const { value, grads: slopes } = valueAndGrads(op as never)([q, k, v], dy);
    return { value, dq: slopes[0] as Tensor, dk: slopes[1] as Tensor, dv: slopes[2] as Tensor };
  };
  const graph = await same(f, [shape, shape, shape, shape], training);
  const sums = graph.nodes.filter(({ op }) => op === "ReduceSum");
  expect(sums.map(({ inputs }) => inputs[0]?.shape)).toEqual([shape]);
});
