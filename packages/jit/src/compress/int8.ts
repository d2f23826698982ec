/** Rewrites a graph so that chosen layers compute in eight bits: unsigned activations, signed weights of a scale a channel. */
import { add as addValues, binary, cast, div, mul, reduce, reshape, unary } from "../build.ts";
import { type Graph, type Node, readersOf, rebuilt, type Value } from "../ir.ts";
import { type Layer, layersOf } from "./layers.ts";
import { quantizeWeights } from "./weights.ts";

/** The values that a tensor takes; always with 0 inside. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

/**
 * How a layer is computed. `static`: its input is rounded by a range that is known beforehand; a pair of QuantizeLinear and
 * DequantizeLinear marks it, and the runtime fuses them. `rows`, of products only: each row of the input is divided by its own
 * largest magnitude, and then as static between −1 and 1. `dynamic`, of products only: one range for all of an input as it comes.
 */
export type Int8Mode = "static" | "rows" | "dynamic";

export interface Int8Plan {
  /** What is not in here stays in fp32. Convolutions are static only. */
  readonly layers: ReadonlyMap<Node, Int8Mode>;
  /** The range of every value that {@link roundedValues} lists. */
  readonly ranges: ReadonlyMap<Value, Range>;
}

/**
 * The values that are rounded to eight bits: inputs of static layers, and what static convolutions, additions and pools
 * between them give, so that whole stretches of the graph stay in eight bits. A pool keeps its input's range, to which it
 * maps here.
 */
export function roundedValues(graph: Graph, layers: ReadonlyMap<Node, Int8Mode>): Map<Value, Value> {
  const readers = readersOf(graph);
  const outputs = new Set(graph.outputs.map(({ value }) => value));
  /** Behind the rectifier that is computed in the same step. */
  const end = (v: Value): Value => {
    const [only, more] = readers.get(v) ?? [];
    return only?.op === "Relu" && !more ? (only.outputs[0] as Value) : v;
  };
  const rounded = new Map<Value, Value>();
  for (const node of graph.nodes) {
    if (layers.get(node) === "static") rounded.set(node.inputs[0] as Value, node.inputs[0] as Value);
  }
  for (const node of graph.nodes) {
    const [y] = node.outputs as [Value];
    const [a, b] = node.inputs as [Value, Value];
    if (node.op === "MaxPool" && rounded.has(a)) rounded.set(y, rounded.get(a) as Value);
    const conv = node.op === "Conv" && layers.get(node) === "static";
    const sum = node.op === "Add" && rounded.has(a) && rounded.has(b);
    if ((conv || sum) && !outputs.has(end(y))) rounded.set(end(y), end(y));
  }
  return rounded;
}

/** Scale and zero point in the graph, and the scale's number. */
type Rounding = readonly [scale: Value, zero: Value, number: number];

/** The graph with the plan's layers in eight bits. The graph that was given stays as it is. */
export function toInt8(graph: Graph, plan: Int8Plan): Graph {
  const layers = new Map(layersOf(graph).map((layer) => [layer.node, layer]));
  const rounded = roundedValues(graph, plan.layers);
  /** Scale and zero point of rounded values, by the value whose range they come from. */
  const parameters = new Map<Value, Rounding>();

  /** Of a value that is rounded. */
  const roundingOf = (out: Graph, old: Value): Rounding => {
    const source = rounded.get(old) as Value;
    const known = parameters.get(source);
    if (known) return known;
    const { scale, zero } = rounding(plan.ranges.get(source) as Range);
    const made = [
      out.constant(Float32Array.of(scale), [], "float32"),
      out.constant(Uint8Array.of(zero), [], "uint8"),
      scale,
    ] as const;
    parameters.set(source, made);
    return made;
  };

  const round = (out: Graph, old: Value, v: Value): Value => {
    if (!rounded.has(old)) return v;
    const [scale, zero] = roundingOf(out, old);
    const q = out.add("QuantizeLinear", [v, scale, zero], {}, v.shape, "uint8");
    return out.add("DequantizeLinear", [q, scale, zero], {}, v.shape);
  };

  const computed = (out: Graph, node: Node, inputs: readonly (Value | undefined)[]): readonly Value[] => {
    const mode = plan.layers.get(node);
    const layer = layers.get(node);
    if (!mode || !layer) return out.addMany(node.op, inputs, node.attrs, node.outputs, node.domain);
    const [x] = inputs as [Value];
    if (mode === "static") return [staticLayer(out, layer, x, (old) => roundingOf(out, old))];
    return [mode === "rows" ? rowsLayer(out, layer, x) : dynamicLayer(out, layer, x)];
  };

  return rebuilt(
    graph,
    (out, node, inputs) => {
      const made = computed(out, node, inputs);
      return node.outputs.map((old, i) => round(out, old, made[i] as Value));
    },
    (out, input) => round(out, input, input),
  );
}

/** Scale and zero point of a range in 0 … 255: real = scale · (rounded − zero). */
export function rounding({ low, high }: Range): { scale: number; zero: number } {
  const scale = Math.fround((high - low) / 255) || 1;
  return { scale, zero: Math.min(255, Math.max(0, Math.round(-low / scale))) };
}

/** The axis along which a product sums. A convolution's taps and channels may come in any order. */
const pairsOf = ({ node, axis }: Layer): number | undefined => (node.op === "Conv" ? undefined : 1 - axis);

/** A layer's weight as whole numbers and scales, and what a runtime reads as one with the layer. */
function roundedWeight(g: Graph, layer: Layer) {
  const { weight, axis } = layer;
  const { values, scales } = quantizeWeights(weight, axis, pairsOf(layer));
  const channels = scales.length;
  const stored = [
    g.constant(values, weight.shape, "int8"),
    g.constant(scales, [channels], "float32"),
    g.constant(new Int8Array(channels), [channels], "int8"),
  ];
  return { w: g.add("DequantizeLinear", stored, { axis }, weight.shape), scales, channels };
}

function staticLayer(g: Graph, layer: Layer, x: Value, roundingOf: (value: Value) => Rounding): Value {
  const { node, bias, input } = layer;
  const { w, scales, channels } = roundedWeight(g, layer);
  const operands = [x, w];
  if (bias) {
    const [, , scale] = roundingOf(input);
    // 32 bits at the scale of the products, so that the runtime adds whole numbers
    const steps = scales.map((s) => s * scale);
    const b = Int32Array.from((bias.data as () => Float32Array)(), (v, c) => clamp32(v / (steps[c] as number)));
    const stored = [g.constant(b, [channels], "int32"), g.constant(steps, [channels], "float32")];
    operands.push(g.add("DequantizeLinear", stored, { axis: 0 }, [channels]));
  }
  return g.add(node.op, operands, node.attrs, (node.outputs[0] as Value).shape);
}

const clamp32 = (v: number): number => Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.round(v)));

/**
 * A row's scale passes through a product, so each token may have its own: in a transformer a few are a hundred times larger than
 * the rest, which one range for all would round to nothing. Per-token ranges as in ZeroQuant, https://arxiv.org/abs/2206.01861.
 */
function rowsLayer(g: Graph, layer: Layer, x: Value): Value {
  const { node, bias } = layer;
  const last = [x.shape.length - 1];
  const [high, low] = [reduce(g, "ReduceMax", x, last, true), unary(g, "Neg", reduce(g, "ReduceMin", x, last, true))];
  const magnitude = binary(g, "Max", binary(g, "Max", high, low), g.scalar(TINY));
  const [scale, zero] = [g.scalar(1 / 127), g.constant(Uint8Array.of(128), [], "uint8")];
  const q = g.add("QuantizeLinear", [div(g, x, magnitude), scale, zero], {}, x.shape, "uint8");
  const rounded = g.add("DequantizeLinear", [q, scale, zero], {}, x.shape);
  const { w, channels } = roundedWeight(g, layer);
  const y = mul(g, g.add(node.op, [rounded, w], node.attrs, (node.outputs[0] as Value).shape), magnitude);
  return bias ? addValues(g, y, reshape(g, bias, [channels])) : y;
}

/** Keeps rows of zeros from being divided by zero. */
const TINY = 1e-30;

function dynamicLayer(g: Graph, layer: Layer, x: Value): Value {
  const { node, weight, bias, axis } = layer;
  const { values, scales } = quantizeWeights(weight, axis, pairsOf(layer));
  const { shape } = node.outputs[0] as Value;
  const [inDim, outDim] = axis === 1 ? weight.shape : [weight.shape[1], weight.shape[0]];
  const [n, k] = [outDim as number, inDim as number];
  const w = axis === 1 ? values : transposed(values, n, k);
  const [q, scale, zero] = g.addMany("DynamicQuantizeLinear", [x], {}, [
    { shape: x.shape, dtype: "uint8" },
    { shape: [], dtype: "float32" },
    { shape: [], dtype: "uint8" },
  ]) as [Value, Value, Value];
  const whole = g.add("MatMulInteger", [q, g.constant(w, [k, n], "int8"), zero], {}, shape, "int32");
  const y = mul(g, cast(g, whole, "float32"), mul(g, scale, g.constant(scales, [n], "float32")));
  return bias ? addValues(g, y, reshape(g, bias, [n])) : y;
}

function transposed(values: Int8Array, rows: number, columns: number): Int8Array {
  const out = new Int8Array(values.length);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) out[c * rows + r] = values[r * columns + c] as number;
  }
  return out;
}
