/**
 * Makes the inputs of matrix products alike in size before they are rounded. After a layer normalisation a few channels are many times
 * larger than the rest, and one range for all is too coarse for most. What a channel is divided by in the normalisation's scale
 * and shift its weights are multiplied by: the same function. SmoothQuant, https://arxiv.org/abs/2211.10438, with its α of 1/2.
 */
import { reduce, unary } from "../build.ts";
import type { GraphSession } from "../graph-session.ts";
import { type Graph, type Node, readersOf, rewrite, type Value } from "../ir.ts";
import type { HostTensor } from "../runtime/protocol.ts";
import { type Layer, layersOf } from "./layers.ts";
import { overBatches, watching } from "./observe.ts";

interface Pair {
  readonly norm: Node;
  readonly layer: Layer;
}

/** Equalises, in place, all products that read a layer normalisation alone. */
export async function equalise(
  graph: Graph,
  batches: readonly HostTensor[],
  open: (graph: Graph) => Promise<GraphSession>,
): Promise<void> {
  const pairs = pairsOf(graph);
  if (pairs.length === 0) return;
  const nameOf = (i: number) => `largest${i}`;
  const watched = watching(graph, (g) =>
    pairs.map(({ norm }, i) => {
      const [x] = norm.outputs as [Value];
      const axes = x.shape.slice(0, -1).map((_, axis) => axis);
      return { name: nameOf(i), value: reduce(g, "ReduceMax", unary(g, "Abs", x), axes, false) };
    }),
  );
  const largest = pairs.map(({ layer }) => new Float32Array(layer.input.shape.at(-1) as number));
  await overBatches(watched, batches, open, (outputs) => {
    for (const [i, channels] of largest.entries()) {
      const { data } = outputs[nameOf(i)] as HostTensor;
      for (const [c, v] of channels.entries()) channels[c] = Math.max(v, Number(data[c]));
    }
  });
  const operands = new Map<Node, readonly (Value | undefined)[]>(); // all but the first
  for (const [i, { norm, layer }] of pairs.entries()) {
    const { node, weight, axis } = layer;
    const divisors = divisorsOf(largest[i] as Float32Array, layer);
    const divisor = (c: number) => divisors[c] as number;
    const own = norm.inputs.slice(1).map((v) => v && scaled(graph, v, (c) => 1 / divisor(c)));
    const weights = scaled(graph, weight, (at) => divisor(inputOf(weight, axis, at)));
    operands.set(norm, own).set(node, [weights, ...node.inputs.slice(2)]);
  }
  rewrite(graph, (node) => {
    const others = operands.get(node);
    return others && graph.addMany(node.op, [node.inputs[0], ...others], node.attrs, node.outputs, node.domain);
  });
}

/** Which input of a product a weight's place belongs to. */
function inputOf({ shape }: Value, axis: number, at: number): number {
  const columns = shape[1] as number;
  return axis === 0 ? at % columns : Math.floor(at / columns);
}

function pairsOf(graph: Graph): Pair[] {
  const readers = readersOf(graph);
  const outputs = new Set(graph.outputs.map(({ value }) => value));
  return layersOf(graph).flatMap((layer) => {
    let v = layer.input;
    const alone = () => readers.get(v)?.length === 1 && !outputs.has(v);
    const view = v.producer;
    if (view?.op === "Reshape" && alone() && v.shape.at(-1) === view.inputs[0]?.shape.at(-1))
      v = view.inputs[0] as Value;
    const norm = v.producer;
    const known = norm?.op === "LayerNormalization" && norm.inputs.slice(1).every((w) => !w || w.data);
    return norm && known && layer.node.op !== "Conv" && alone() ? [{ norm, layer }] : [];
  });
}

function divisorsOf(largest: Float32Array, { weight, axis }: Layer): Float32Array {
  const weights = new Float32Array(largest.length);
  for (const [at, w] of (weight.data as () => Float32Array)().entries()) {
    const c = inputOf(weight, axis, at);
    weights[c] = Math.max(weights[c] as number, Math.abs(w));
  }
  return largest.map((x, c) => {
    const divisor = Math.fround(Math.sqrt(x / (weights[c] as number)));
    return divisor > 0 && divisor < Number.POSITIVE_INFINITY ? divisor : 1; // nothing comes in, or nothing goes on
  });
}

const scaled = (graph: Graph, value: Value, factor: (at: number) => number): Value => {
  const data = (value.data as () => Float32Array)();
  return graph.constant(
    data.map((v, at) => v * factor(at)),
    value.shape,
    "float32",
  );
};
