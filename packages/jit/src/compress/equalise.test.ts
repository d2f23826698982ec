import { expectClose } from "@repo/testing";
import { add, createRng, layerNorm, matMul, type Tensor, tensor1d, tensor2d, useBackend } from "@vitrail/tensor";
import { beforeAll, expect, test } from "vitest";
import { openGraph } from "../graph-session.ts";
import type { Graph } from "../ir.ts";
import { optimise } from "../passes/index.ts";
import { runGraph, traced } from "../testing.ts";
import { equalise } from "./equalise.ts";
import { layersOf } from "./layers.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

const [K, N] = [6, 4];
/** One channel is large, one small, one off. */
const norm = (t: Tensor) => layerNorm(t, tensor1d([100, 1, 1, 0.01, 1, 0]), tensor1d([1, 2, 0, 0.01, 3, 0]));
const rng = createRng(1);
const graphOf = (f: (x: Tensor) => Tensor) =>
  traced(
    (x) => f(x as Tensor),
    [[null, 5, K]],
    (g) => optimise(g, { contrib: false }),
  );
const weightOf = (graph: Graph, layer: number) => layersOf(graph)[layer]?.weight.data?.() as Float32Array;
const data = createRng(2).normal(3 * 5 * K);
const x = { dims: [3, 5, K], data };
const open = (g: Graph) => openGraph(g, { engine: "ort" });

test("a product behind a layer normalisation stays the same function, its channels' sizes are shared with its weights", async () => {
  const w = tensor2d(rng.normal(K * N), [K, N]);
  const graph = graphOf((t) => add(matMul(norm(t), w), tensor1d([1, 2, 3, 4])));
  const [{ output: before }, old] = [await runGraph(graph, { x0: x }), weightOf(graph, 0).slice()];
  await equalise(graph, [{ type: "float32", ...x }], open);
  const { output: after } = await runGraph(graph, { x0: x });
  expectClose(after?.data as Float32Array, before?.data as Float32Array, 1e-6);
  const factor = (k: number) => (weightOf(graph, 0)[k * N] as number) / (old[k * N] as number);
  expect(factor(0) / factor(1)).toBeGreaterThan(5);
  expect(factor(3) / factor(1)).toBeLessThan(0.2);
  expect(factor(5)).toBe(1); // nothing comes through it
});

test("a normalisation that something else reads, or none at all, is left alone", async () => {
  const w = tensor2d(rng.normal(K * K), [K, K]);
  const graph = graphOf((t) => {
    const y = norm(t);
    return matMul(add(matMul(y, w), y), w);
  });
  const before = [0, 1].map((i) => weightOf(graph, i));
  await equalise(graph, [{ type: "float32", ...x }], open);
  expect([0, 1].map((i) => weightOf(graph, i))).toEqual(before);
});
