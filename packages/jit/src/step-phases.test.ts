import {
  add,
  div,
  greater,
  minimum,
  mul,
  reshape,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  useBackend,
  where,
} from "@vitrail/tensor";
import { beforeAll, expect, test } from "vitest";
import type { Port } from "./ir.ts";
import { optimise } from "./passes/index.ts";
import { splitStep } from "./step-phases.ts";
import { opsOf } from "./testing.ts";
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
