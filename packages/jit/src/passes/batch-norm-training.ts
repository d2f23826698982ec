import { mul } from "../build.ts";
import { type Graph, type Node, rewrite, sameShape, type Value } from "../ir.ts";
import { isGiven, madeBy, operandOrders, scalarOperand } from "./match.ts";

/**
 * Normalisation of channels by the batch's own statistics, [N, C, H, W], becomes one BatchNormalization in training mode,
 * which gives the statistics too: five passes over the map less.
 *
 * ONNX Runtime writes the new running statistics onto the memory of the old ones, so each node has zeros of its own that
 * a node computes: with shared or constant ones, layers would read each other's statistics. Hence no pass that joins
 * equal nodes may follow, and the session that runs this must not optimise on its own.
 */
export function fuseBatchNormTraining(graph: Graph): void {
  const found = new Map<Node, Match>();
  for (const node of graph.nodes) {
    const match = node.op === "Add" ? matchNorm(node) : undefined;
    if (match) found.set(match.mean, match);
  }
  const instead = new Map<Node, Value>();
  rewrite(graph, (node) => {
    const match = found.get(node);
    if (!match) return instead.has(node) ? [instead.get(node) as Value] : undefined;
    const { scale, shift, epsilon } = match;
    const x = node.inputs[0] as Value;
    const zero = graph.scalar(0);
    const inputs = [x, scale, shift, mul(graph, shift, zero), mul(graph, scale, zero)];
    const attrs = { training_mode: 1, momentum: 0, epsilon };
    const channels = { shape: scale.shape, dtype: x.dtype };
    const outputs = [{ shape: x.shape, dtype: x.dtype }, channels, channels];
    const [y, mean, variance] = graph.addMany("BatchNormalization", inputs, attrs, outputs) as [Value, Value, Value];
    instead.set(match.variance, variance);
    instead.set(match.sum, y);
    return [mean];
  });
}

interface Match {
  readonly mean: Node;
  readonly variance: Node;
  /** The last addition. */
  readonly sum: Node;
  /** [C], state, so known wherever the mean is. */
  readonly scale: Value;
  readonly shift: Value;
  readonly epsilon: number;
}

function matchNorm(sum: Node): Match | undefined {
  const y = sum.outputs[0] as Value;
  if (y.shape.length !== 4) return undefined;
  for (const [scaled, shifts] of operandOrders(y, "Add")) {
    const shift = perChannel(shifts);
    if (!shift || !isGiven(shift)) continue;
    for (const [centred, factors] of operandOrders(scaled, "Mul")) {
      const mean = meanTaken(centred);
      for (const [inverse, scale] of operandOrders(perChannel(factors), "Mul")) {
        const root = madeBy(madeBy(inverse, "Reciprocal")?.inputs[0], "Sqrt");
        const shifted = scalarOperand(root?.inputs[0], "Add");
        const variance = meanOverMap(shifted?.x);
        const square = madeBy(variance?.inputs[0], "Mul");
        if (!mean || !shifted || !variance || !isGiven(scale) || scale.data) continue;
        if (square?.inputs[0] !== centred || square.inputs[1] !== centred) continue;
        return { mean, variance, sum, scale, shift, epsilon: shifted.scalar };
      }
    }
  }
  return undefined;
}

/** [C] where `v` is that as [1, C, 1, 1]. */
function perChannel(v: Value | undefined): Value | undefined {
  const source = madeBy(v, "Reshape")?.inputs[0];
  return source?.shape.length === 1 && sameShape(v?.shape ?? [], [1, source.shape[0] as number, 1, 1])
    ? source
    : undefined;
}

/** The mean that was taken away to make `v`, and that is of the same map. */
function meanTaken(v: Value): Node | undefined {
  const difference = madeBy(v, "Sub");
  const mean = meanOverMap(perChannel(difference?.inputs[1]));
  return mean?.inputs[0] === difference?.inputs[0] ? mean : undefined;
}

/** The node that made `v` as the mean of each channel over images and pixels. */
function meanOverMap(v: Value | undefined): Node | undefined {
  const node = madeBy(v, "ReduceMean");
  return node?.attrs.keepdims === 0 && sameShape(node.attrs.axes as number[], [0, 2, 3]) ? node : undefined;
}
