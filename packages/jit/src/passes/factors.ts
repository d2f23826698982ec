import { mul } from "../build.ts";
import { type Graph, rewrite, sizeOf, type Value } from "../ir.ts";
import { operandOrders } from "./match.ts";

/** Below this a float32 loses digits. */
const LEAST_NORMAL = 2 ** -126;

/**
 * Factors that are one number are multiplied with each other before they meet a tensor: (x s) t = x (s t), and
 * (x s)² = x² s². Optimisers are full of it: the clipped gradient is never written, its square is the norm's.
 * A product that others need as it is stays what is multiplied on: x would only live longer.
 */
export function gatherFactors(graph: Graph): void {
  const needed = neededAsIs(graph);
  rewrite(graph, (node) => {
    if (node.op !== "Mul" || node.outputs[0]?.dtype !== "float32") return undefined;
    const [a, b] = node.inputs as [Value, Value];
    if (a === b) {
      const found = needed.has(a) ? undefined : scaled(a);
      return found && [mul(graph, mul(graph, found.x, found.x), mul(graph, found.factor, found.factor))];
    }
    for (const [x, factor] of [
      [a, b],
      [b, a],
    ] as const) {
      const found = isNumber(factor) && !needed.has(x) ? scaled(x) : undefined;
      if (found && isSafe(factor, found.factor)) return [mul(graph, found.x, mul(graph, found.factor, factor))];
    }
    return undefined;
  });
}

/** Values with a reader that is no product with a number or with itself. */
function neededAsIs(graph: Graph): ReadonlySet<Value> {
  const needed = new Set(graph.outputs.map(({ value }) => value));
  for (const { op, inputs } of graph.nodes) {
    const [a, b] = inputs;
    const isGathered = op === "Mul" && a && b && (a === b || isNumber(a) || isNumber(b));
    if (!isGathered) for (const v of inputs) if (v) needed.add(v);
  }
  return needed;
}

const isNumber = (v: Value): boolean => v.shape.length === 0;

/** x and s where `v` = x s, x more than a number. */
function scaled(v: Value): { readonly x: Value; readonly factor: Value } | undefined {
  for (const [x, factor] of operandOrders(v, "Mul")) {
    if (isNumber(factor) && sizeOf(x.shape) > 1) return { x, factor };
  }
  return undefined;
}

/** Two known numbers whose product is one, too. */
function isSafe(a: Value, b: Value): boolean {
  if (!a.data || !b.data) return true;
  const size = Math.abs(Number(a.data()[0]) * Number(b.data()[0]));
  return size >= LEAST_NORMAL && Math.fround(size) < Number.POSITIVE_INFINITY;
}
