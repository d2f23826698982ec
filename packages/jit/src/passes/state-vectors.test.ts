import {
  add,
  batchNormTraining,
  concat,
  grads,
  layerNorm,
  mul,
  split,
  sub,
  type Tensor,
  transpose,
  useBackend,
} from "@vitrail/tensor";
import { beforeAll, expect, test } from "vitest";
import type { Port } from "../ir.ts";
import { opsOf, runGraph } from "../testing.ts";
import { type TraceResult, trace } from "../trace.ts";
import { optimise } from "./index.ts";
import { joinVectors } from "./state-vectors.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

const vector = (...values: number[]) => ({ dims: [values.length], data: Float32Array.from(values) });
const ab = { input: "ab", output: "next.ab" };
const names = (ports: readonly Port[]) => ports.map(({ name }) => name);

test("vectors that are updated as one become one input and one output", async () => {
  const step = (x: Tensor, a: Tensor, b: Tensor): TraceResult => {
    const next = sub(concat([a, b], 0), 1);
    const [nextA, nextB] = split(next, [2, 3]);
    return { y: add(mul(x, a), 0), "next.a": nextA as Tensor, "next.b": nextB as Tensor };
  };
  const graph = trace(step, [
    { name: "x", shape: [2] },
    { name: "a", shape: [2] },
    { name: "b", shape: [3] },
  ]);
  const offsets = joinVectors(graph, ab, [
    { input: "a", output: "next.a" },
    { input: "b", output: "next.b" },
  ]);
  optimise(graph, { contrib: true, training: true });
  expect([...offsets]).toEqual([
    ["a", 0],
    ["b", 2],
  ]);
  expect(names(graph.inputs)).toEqual(["x", "ab"]);
  expect(names(graph.outputs)).toEqual(["y", "next.ab"]);
  expect(opsOf(graph).sort()).toEqual(["Mul", "Split", "Sub"]); // taken apart for who reads one of them, and that is all
  const found = await runGraph(graph, { x: vector(10, 20), ab: vector(1, 2, 3, 4, 5) });
  expect(found).toEqual({ y: vector(10, 40), "next.ab": vector(0, 1, 2, 3, 4) });
});

test("vectors with updates of their own come together, and those without have an input alone", async () => {
  const step = (x: Tensor, a: Tensor, b: Tensor): TraceResult => ({ "next.a": mul(x, a), "next.b": add(b, a), y: b });
  const inputs = ["x", "a", "b"].map((name) => ({ name, shape: [2] }));
  const moved = trace(step, inputs);
  joinVectors(moved, ab, [
    { input: "a", output: "next.a" },
    { input: "b", output: "next.b" },
  ]);
  const feeds = { x: vector(10, 20), ab: vector(1, 2, 3, 4) };
  // y is a state itself.
  expect(await runGraph(moved, feeds)).toEqual({ "next.ab": vector(10, 40, 4, 6), y: vector(3, 4) });

  const fixed = trace((x: Tensor, a: Tensor, b: Tensor) => ({ y: add(mul(x, a), b) }), inputs);
  joinVectors(fixed, ab, [
    { input: "a", output: undefined },
    { input: "b", output: undefined },
  ]);
  expect(names(fixed.outputs)).toEqual(["y"]);
  expect(await runGraph(fixed, feeds)).toEqual({ y: vector(13, 44) });
});

test("normalisation is one node also where its scale and shift lie in a joined vector", () => {
  const opsAfter = (shape: number[], step: (x: Tensor, a: Tensor, b: Tensor) => TraceResult) => {
    const vectors = ["a", "b"].map((name) => ({ name, shape: [3] }));
    const graph = trace(step, [{ name: "x", shape }, ...vectors]);
    joinVectors(
      graph,
      ab,
      vectors.map(({ name }) => ({ input: name, output: undefined })),
    );
    optimise(graph, { contrib: true, training: true });
    return opsOf(graph);
  };
  const batch = opsAfter([2, 3, 4, 4], (x, a, b) => ({ y: batchNormTraining(transpose(x, [0, 2, 3, 1]), a, b).y }));
  const tokens = opsAfter([2, 5, 3], (x, a, b) => ({
    y: layerNorm(x, a, b),
    dx: grads((z: Tensor) => layerNorm(z, a, b))([x])[0] as Tensor,
  }));
  expect(batch).toContain("BatchNormalization");
  expect(batch).not.toContain("ReduceMean");
  expect(tokens).toContain("LayerNormalization");
  expect(tokens).not.toContain("Sqrt");
});
