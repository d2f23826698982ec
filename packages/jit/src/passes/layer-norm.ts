import { scalarOf } from "../build.ts";
import { type Graph, type Node, rewrite, sameShape, type Value } from "../ir.ts";
import { isGiven, madeBy, operandOrders, scalarOperand } from "./match.ts";

/** (x − mean) / √(var + ε) · γ + β over the last axis becomes one LayerNormalization. */
export function fuseLayerNorm(graph: Graph): void {
  rewrite(graph, (node) => {
    const found = node.op === "Add" ? match(node) : undefined;
    if (!found) return undefined;
    const { x, gamma, beta, epsilon } = found;
    return [graph.add("LayerNormalization", [x, gamma, beta], { axis: -1, epsilon }, x.shape)];
  });
}

/** As {@link fuseLayerNorm} where gradients read the mean and 1 / √(var + ε), too: the node gives both. */
export function fuseLayerNormTraining(graph: Graph): void {
  const found = new Map<Node, Match & { readonly sum: Node }>();
  for (const node of graph.nodes) {
    const one = node.op === "Add" ? match(node) : undefined;
    // What the node needs must be there where the mean is.
    if (one && isGiven(one.gamma) && isGiven(one.beta)) found.set(one.mean, { ...one, sum: node });
  }
  const instead = new Map<Node, Value>();
  rewrite(graph, (node) => {
    const one = found.get(node);
    if (!one) return instead.has(node) ? [instead.get(node) as Value] : undefined;
    const x = node.inputs[0] as Value;
    const row = { shape: (node.outputs[0] as Value).shape, dtype: x.dtype };
    const outputs = [{ shape: x.shape, dtype: x.dtype }, row, row];
    const attrs = { axis: -1, epsilon: one.epsilon };
    const [y, mean, inverse] = graph.addMany("LayerNormalization", [x, one.gamma, one.beta], attrs, outputs) as [
      Value,
      Value,
      Value,
    ];
    instead.set(one.sum, y);
    instead.set(one.inverse, inverse);
    return [mean];
  });
}

interface Match {
  readonly x: Value;
  readonly gamma: Value;
  readonly beta: Value;
  readonly epsilon: number;
  /** The nodes of the mean and of 1 / √(var + ε). */
  readonly mean: Node;
  readonly inverse: Node;
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
        const mean = meanTaken(centred);
        const x = mean?.inputs[0];
        if (!x || !sameShape(x.shape, y.shape)) continue;
        return { x, gamma, beta, epsilon: found.epsilon, mean, inverse: inverse.producer as Node };
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

/** The node of mean(x) where `v` = x − mean(x). */
function meanTaken(v: Value): Node | undefined {
  const node = madeBy(v, "Sub");
  const x = node?.inputs[0];
  return x && meanOverLast(node.inputs[1]) === x ? node.inputs[1]?.producer : undefined;
}

/** x where `v` = mean of x over its last axis, kept as 1. */
function meanOverLast(v: Value | undefined): Value | undefined {
  const node = madeBy(v, "ReduceMean");
  const x = node?.inputs[0];
  if (!x || node.attrs.keepdims !== 1 || scalarOf(v) !== undefined) return undefined;
  return sameShape(node.attrs.axes as readonly number[], [x.shape.length - 1]) ? x : undefined;
}
