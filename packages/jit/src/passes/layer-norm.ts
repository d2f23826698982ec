import { scalarOf } from "../build.ts";
import { type Graph, type Node, rewrite, sameShape, type Value } from "../ir.ts";
import { madeBy, operandOrders, scalarOperand } from "./match.ts";

/** (x − mean) / √(var + ε) · γ + β over the last axis becomes one LayerNormalization. */
export function fuseLayerNorm(graph: Graph): void {
  rewrite(graph, (node) => {
    const found = node.op === "Add" ? match(node) : undefined;
    if (!found) return undefined;
    const { x, gamma, beta, epsilon } = found;
    return [graph.add("LayerNormalization", [x, gamma, beta], { axis: -1, epsilon }, x.shape)];
  });
}

interface Match {
  readonly x: Value;
  readonly gamma: Value;
  readonly beta: Value;
  readonly epsilon: number;
}

function match(sum: Node): Match | undefined {
  const y = sum.outputs[0] as Value;
  const channels = [y.shape.at(-1) as number];
  const isVector = (v: Value) => sameShape(v.shape, channels);
  for (const [scaled, beta] of operandOrders(y, "Add")) {
    if (!isVector(beta)) continue;
    for (const [normalised, gamma] of operandOrders(scaled, "Mul")) {
      if (!isVector(gamma)) continue;
      for (const [centred, inverse] of operandOrders(normalised, "Mul")) {
        const found = variance(inverse);
        if (!found || found.centred !== centred) continue;
        const x = centredSource(centred);
        if (x && sameShape(x.shape, y.shape)) return { x, gamma, beta, epsilon: found.epsilon };
      }
    }
  }
  return undefined;
}

/** ε and c where `v` = 1 / √(mean(c c) + ε). */
function variance(v: Value): { centred: Value; epsilon: number } | undefined {
  const root = madeBy(madeBy(v, "Reciprocal")?.inputs[0], "Sqrt");
  const shifted = scalarOperand(root?.inputs[0], "Add");
  const square = meanOverLast(shifted?.x);
  const product = madeBy(square, "Mul");
  if (!shifted || !product || product.inputs[0] !== product.inputs[1]) return undefined;
  return { centred: product.inputs[0] as Value, epsilon: shifted.scalar };
}

/** x where `v` = x − mean(x). */
function centredSource(v: Value): Value | undefined {
  const node = madeBy(v, "Sub");
  const x = node?.inputs[0];
  return x && meanOverLast(node.inputs[1]) === x ? x : undefined;
}

/** x where `v` = mean of x over its last axis, kept as 1. */
function meanOverLast(v: Value | undefined): Value | undefined {
  const node = madeBy(v, "ReduceMean");
  const x = node?.inputs[0];
  if (!x || node.attrs.keepdims !== 1 || scalarOf(v) !== undefined) return undefined;
  return sameShape(node.attrs.axes as readonly number[], [x.shape.length - 1]) ? x : undefined;
}
