import {
  add,
  conv2d,
  div,
  grads,
  greater,
  minimum,
  mul,
  reshape,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  type Tensor4D,
  transpose,
  useBackend,
  where,
} from "@vitrail/tensor";
import { beforeAll, expect, test } from "vitest";
import { choose } from "./in-blocks.ts";
import type { Graph, Port } from "./ir.ts";
import { blockConvolutions } from "./passes/blocked.ts";
import { optimise } from "./passes/index.ts";
import { splitStep } from "./step-phases.ts";
import { opsOf, runGraph, type Values } from "./testing.ts";
import { type TraceResult, trace } from "./trace.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

const names = (ports: readonly Port[]) => ports.map(({ name }) => name).sort();

/** The halves of a step whose gradient is x p, clipped; `update` makes the next state of the clipped gradient. */
function halves(update: (g: Tensor, state: Readonly<Record<"p" | "m" | "q", Tensor>>) => Record<string, Tensor>) {
  const inputs = ["x", "p", "m", "q"].map((name) => ({ name, shape: [4, 3] }));
  const step = (...[clip, x, p, m, q]: Tensor[]): TraceResult => {
    const g = mul(x as Tensor, p as Tensor);
    const norm = sqrt(sum(square(g)));
    const clipped = mul(g, minimum(div(clip as Tensor, norm), 1));
    return { gradNorm: norm, ...update(clipped, { p, m, q } as Record<"p" | "m" | "q", Tensor>) };
  };
  const graph = trace(step, [{ name: "clip", shape: [] }, ...inputs]);
  optimise(graph, { contrib: true, training: true });
  const carry = Object.fromEntries(
    graph.outputs.flatMap(({ name }) => (name.startsWith("next.") ? [[name.slice(5), name]] : [])),
  );
  return splitStep(graph, "clip", carry);
}

test("the gradient and its norm come first, and cross; squares are made again", () => {
  const { gradient, update, inPlace } = halves((g, { p, m }) => {
    const next = add(mul(m, 0.9), mul(square(g), 0.1));
    return { "next.m": next, "next.p": sub(p, next) };
  });
  expect(opsOf(gradient)).toEqual(["Mul", "Mul", "ReduceSum", "Sqrt"]);
  expect(names(gradient.inputs)).toEqual(["p", "x"]);
  expect(names(gradient.outputs)).toEqual(["crossing.0", "gradNorm"]);
  const crossing = gradient.outputs.filter(({ name }) => update.inputs.some((port) => port.name === name));
  expect(names(crossing)).toEqual(["crossing.0", "gradNorm"]);
  expect(names(update.inputs)).toEqual(["clip", "crossing.0", "gradNorm", "m", "p"]);
  expect(names(update.outputs)).toEqual(["next.m", "next.p"]);
  expect([...inPlace].sort()).toEqual(["m", "p"]);
});

test("state is overwritten only where everyone has read it before", () => {
  // q's next value reads p, and does not come before p's.
  const late = halves((g, { p, q }) => ({ "next.p": sub(p, g), "next.q": add(mul(q, p), g) }));
  expect(late.inPlace).toEqual(["q"]);
  // A view of p is read late, too.
  const view = halves((g, { p, q }) => ({
    "next.p": sub(p, g),
    "next.q": add(q, reshape(mul(reshape(p, [12]), reshape(g, [12])), [4, 3])),
  }));
  expect(view.inPlace).toEqual(["q"]);
  // p's next value needs q's, which therefore has read p.
  const early = halves((g, { p, q }) => {
    const next = add(mul(q, p), g);
    return { "next.p": sub(p, next), "next.q": next };
  });
  expect([...early.inPlace].sort()).toEqual(["p", "q"]);
  // A choice may write before it has read both.
  const choice = halves((g, { p }) => ({ "next.p": where(greater(g, 0), g, p) }));
  expect(choice.inPlace).toEqual([]);
});

test("a filter's gradient crosses before its view, which the update has", async () => {
  const shapes = { x: [2, 5, 5, 4], w: [4, 4, 3, 3], dy: [2, 5, 5, 4] };
  const step = (...[clip, x, w, dy]: Tensor[]): TraceResult => {
    const f = (v: Tensor) => conv2d(x as Tensor4D, transpose(v, [2, 3, 1, 0]) as Tensor4D, 1, "same");
    const [g] = grads(f as never)([w] as Tensor[], dy) as [Tensor];
    return { gradNorm: sqrt(sum(square(g))), "next.w": sub(w as Tensor, mul(g, clip as Tensor)) };
  };
  const inputs = Object.entries(shapes).map(([name, shape]) => ({ name, shape }));
  const graph = trace(step, [{ name: "clip", shape: [] }, ...inputs], { choices: true });
  optimise(graph, { contrib: true, training: true });
  const phases = splitStep(graph, "clip", { w: "next.w" });
  const chosen = choose(phases, 1);

  const crossing = ({ inputs: ports }: { readonly inputs: readonly Port[] }) =>
    ports.find(({ name }) => name === "crossing.0")?.value.shape;
  expect(crossing(phases.update)).toEqual([4, 4, 3, 3]);
  expect(crossing(chosen.update)).toEqual([4, 36]);
  expect(chosen.gradient.outputs.find(({ name }) => name === "crossing.0")?.value.producer?.op).toBe("Gemm");

  const given = Object.entries<number[]>({ clip: [], ...shapes }).map(([name, dims], i): [string, Values] => {
    const size = dims.reduce((n, d) => n * d, 1);
    return [name, { dims, data: Float32Array.from({ length: size }, (_, k) => Math.sin(k + i + 1)) }];
  });
  const run = async (first: Graph, second: Graph) => {
    const of = (half: Graph, all: Readonly<Record<string, Values>>) =>
      runGraph(half, Object.fromEntries(half.inputs.map(({ name }) => [name, all[name] as Values])));
    const found = await of(first, Object.fromEntries(given));
    return of(second, { ...Object.fromEntries(given), ...found });
  };
  const expected = await run(blockConvolutions(phases.gradient, 1), phases.update);
  expect(await run(chosen.gradient, chosen.update)).toEqual(expected);
});
