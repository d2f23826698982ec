import { expectClose } from "@repo/testing";
import {
  add,
  conv2d,
  createRng,
  matMul,
  maxPool,
  mean,
  relu,
  type Tensor,
  type Tensor4D,
  tensor1d,
  tensor2d,
  tensor4d,
  useBackend,
} from "@vitrail/tensor";
import { beforeAll, describe, expect, test } from "vitest";
import { openGraph } from "../graph-session.ts";
import { optimise } from "../passes/index.ts";
import { opsOf, runGraph, traced } from "../testing.ts";
import { type Int8Mode, roundedValues, rounding, toInt8 } from "./int8.ts";
import { layersOf } from "./layers.ts";
import { observeRanges } from "./observe.ts";
import { quantizeWeights } from "./weights.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

const rng = createRng(1);
const plain = (f: (x: Tensor) => Tensor, shape: readonly (number | null)[]) =>
  traced(f, [shape], (graph) => optimise(graph, { contrib: false }));

/** Two convolutions, a shortcut, a mean and a product. */
function net() {
  const filter = () => tensor4d(rng.normal(3 * 3 * 4 * 4), [3, 3, 4, 4]);
  const [a, b, head] = [filter(), filter(), tensor2d(rng.normal(4 * 5), [4, 5])];
  return plain(
    (x) => {
      const y = relu(conv2d(x as Tensor4D, a, 1, "same"));
      const z = relu(add(conv2d(y as Tensor4D, b, 1, "same"), y));
      return matMul(mean(z, [1, 2]), head);
    },
    [null, 6, 6, 4],
  );
}
const feeds = { x0: { dims: [2, 6, 6, 4], data: rng.normal(2 * 6 * 6 * 4) } };
const batch = { type: "float32" as const, ...feeds.x0 };

describe("layersOf", () => {
  test("finds convolutions and products with known weights, their output axis and their work", () => {
    const found = layersOf(net()).map(({ name, axis, macs }) => [name, axis, macs]);
    expect(found).toEqual([
      ["Conv 0 [4, 4, 3, 3]", 0, 36 * 4 * 4 * 9],
      ["Conv 1 [4, 4, 3, 3]", 0, 36 * 4 * 4 * 9],
      ["Gemm 2 [4, 5]", 1, 20],
    ]);
  });
});

describe("quantizeWeights", () => {
  test("has a scale a channel, along either axis, and whole numbers up to the limit", () => {
    const { g, w } = { g: net(), w: Float32Array.of(1, -2, 0, 0.5, 4, 0) };
    const value = g.constant(w, [2, 3], "float32");
    expect(quantizeWeights(value, 0, undefined)).toEqual({
      scales: Float32Array.of(2 / 64, 4 / 64),
      values: Int8Array.of(32, -64, 0, 8, 64, 0),
    });
    const columns = quantizeWeights(value, 1, undefined);
    expect(columns.scales).toEqual(Float32Array.of(1 / 64, 4 / 64, 1)); // nothing to scale: 1
    expect([...columns.values]).toEqual([64, -32, 0, 32, 64, 0]);
  });

  test("of products, no two neighbours add up to more than 128, and what is alone uses all eight bits", () => {
    const [K, N] = [7, 12];
    const g = net();
    const values = rng.normal(K * N);
    for (const [shape, axis] of [
      [[K, N], 1],
      [[N, K], 0],
    ] as const) {
      const found = quantizeWeights(g.constant(values, shape, "float32"), axis, 1 - axis);
      const at = (k: number, n: number) => (axis === 1 ? k * N + n : n * K + k);
      for (let n = 0; n < N; n++) {
        const scale = found.scales[n] as number;
        const size = (k: number) => (k < K ? Math.abs(found.values[at(k, n)] as number) : 0);
        const sums = [0, 2, 4, 6].map((k) => size(k) + size(k + 1));
        expect(Math.max(...sums)).toBeLessThanOrEqual(128);
        expect(Math.max(...sums)).toBeGreaterThanOrEqual(126);
        for (let k = 0; k < K; k++) {
          expect(Math.abs((values[at(k, n)] as number) - scale * (found.values[at(k, n)] as number))).toBeLessThan(
            scale * 0.501,
          );
        }
      }
    }
    const alone = quantizeWeights(g.constant(Float32Array.of(3, 0, 0, -1, 0), [5, 1], "float32"), 1, 0);
    expect([...alone.values]).toEqual([127, 0, 0, -42, 0]);
  });
});

describe("rounding", () => {
  test("0 is a whole step, whatever the range", () => {
    expect(rounding({ low: -1, high: 1.5 })).toEqual({ scale: Math.fround(2.5 / 255), zero: 102 });
    expect(rounding({ low: 0, high: 6 }).zero).toBe(0);
    expect(rounding({ low: -3, high: 0 }).zero).toBe(255);
    expect(rounding({ low: 0, high: 0 })).toEqual({ scale: 1, zero: 0 });
  });
});

describe("toInt8", () => {
  test("static layers are close to fp32, on the native and on the wasm engine", async () => {
    const graph = net();
    const layers = new Map<(typeof graph.nodes)[number], Int8Mode>(layersOf(graph).map(({ node }) => [node, "static"]));
    const rounded = roundedValues(graph, layers);
    expect([...rounded.keys()].map((v) => v.producer?.op)).toEqual(["Transpose", "Relu", "ReduceMean", "Conv", "Relu"]);
    const open = (g: typeof graph) => openGraph(g, { engine: "ort" });
    const ranges = await observeRanges(graph, [...new Set(rounded.values())], [batch], open);
    const before = opsOf(graph);
    const int8 = toInt8(graph, { layers, ranges });
    expect(opsOf(graph)).toEqual(before); // the graph that was given is as it was
    const { output: expected } = await runGraph(graph, feeds);
    for (const engine of ["ort", "ort-web"] as const) {
      const session = await openGraph(int8, { engine });
      const { output } = await session.run({ x0: batch });
      expectClose(output?.data as Float32Array, expected?.data as Float32Array, 0.05, engine);
      await session.close();
    }
  });

  test("a layer with a bias behind a pool reads by the range of what was pooled", async () => {
    const [a, b] = [1, 2].map((seed) => tensor4d(createRng(seed).normal(3 * 3 * 4 * 4), [3, 3, 4, 4])) as [
      Tensor4D,
      Tensor4D,
    ];
    const graph = plain(
      (x) => {
        const y = maxPool(relu(conv2d(x as Tensor4D, a, 1, "same")) as Tensor4D, 3, 2, "same");
        return add(conv2d(y, b, 1, "same"), tensor1d([1, 2, 3, 4]));
      },
      [null, 6, 6, 4],
    );
    const layers = new Map(layersOf(graph).map(({ node }) => [node, "static"] as const));
    const values = [...new Set(roundedValues(graph, layers).values())];
    const ranges = await observeRanges(graph, values, [batch], (g) => openGraph(g, { engine: "ort" }));
    const { output: expected } = await runGraph(graph, feeds);
    const { output } = await runGraph(toInt8(graph, { layers, ranges }), feeds);
    expectClose(output?.data as Float32Array, expected?.data as Float32Array, 0.05);
  });

  test("dynamic products need no ranges, and read transposed weights", async () => {
    const w = tensor2d(rng.normal(12), [3, 4]);
    for (const transposed of [false, true]) {
      const graph = plain((x) => matMul(x as never, w, false, transposed), [null, transposed ? 4 : 3]);
      const layers = new Map<(typeof graph.nodes)[number], Int8Mode>(
        layersOf(graph).map(({ node }) => [node, "dynamic"]),
      );
      const int8 = toInt8(graph, { layers, ranges: new Map() });
      expect(opsOf(int8)).toContain("MatMulInteger");
      const x = { x0: { dims: [2, transposed ? 4 : 3], data: createRng(2).normal(transposed ? 8 : 6) } };
      const { output: expected } = await runGraph(graph, x);
      const { output } = await runGraph(int8, x);
      expectClose(output?.data as Float32Array, expected?.data as Float32Array, 0.02);
    }
  });

  test("products by rows keep small rows beside large ones, and rows of zeros", async () => {
    const graph = plain(
      (x) => add(matMul(x as never, tensor2d(rng.normal(12), [4, 3])), tensor1d([1, 2, 3])),
      [null, 4],
    );
    const planOf = (mode: Int8Mode) => ({
      layers: new Map(layersOf(graph).map(({ node }) => [node, mode] as const)),
      ranges: new Map(),
    });
    const data = createRng(2)
      .normal(16)
      .map((v, i) => v * (i < 4 ? 1000 : 1));
    data.fill(0, 8, 12);
    const x = { x0: { dims: [4, 4], data, type: "float32" as const } };
    const expected = (await runGraph(graph, x)).output?.data as Float32Array;
    const far = (found: Float32Array, row: number) =>
      Math.max(...[0, 1, 2].map((i) => Math.abs((found[row * 3 + i] as number) - (expected[row * 3 + i] as number))));
    for (const engine of ["ort", "ort-web"] as const) {
      const session = await openGraph(toInt8(graph, planOf("rows")), { engine });
      const found = (await session.run(x)).output?.data as Float32Array;
      await session.close();
      expect(far(found, 1)).toBeLessThan(0.05);
      expect([...found.slice(6, 9)]).toEqual([1, 2, 3]);
      expect(far(found, 0) / 1000).toBeLessThan(0.05);
    }
    const whole = (await runGraph(toInt8(graph, planOf("dynamic")), x)).output?.data as Float32Array;
    expect(far(whole, 1)).toBeGreaterThan(0.5); // one range for all: the steps are larger than the row
  });

  test("leaves what is not in the plan", () => {
    const graph = net();
    const int8 = toInt8(graph, { layers: new Map(), ranges: new Map() });
    expect(opsOf(int8)).toEqual(opsOf(graph));
  });
});
