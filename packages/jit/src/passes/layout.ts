/**
 * Layout assignment. Convolutions are lowered channels first between two transposes; this pass moves each transpose
 * towards the end of the graph, through everything that can as well compute in the other order of axes, until it meets
 * its inverse, or an op that truly needs the order. Named transposes are free until `simplify` cannot remove them.
 */
import { reshape, transpose } from "../build.ts";
import { type Graph, type Node, rewrite, sameShape, sizeOf, type Value } from "../ir.ts";

/** Ops whose result at a position depends on their operands at that position only. */
const elementwise = [
  "Add Sub Mul Div Max Min Pow And Or Not Greater GreaterOrEqual Less LessOrEqual Equal Where Cast Clip Abs Neg Exp",
  "Log Sqrt Reciprocal Sign Floor Ceil Round Sin Cos Tanh Sigmoid Erf Softplus Elu Relu LeakyRelu HardSigmoid Gelu",
];
const reductions = new Set(["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd"]);

const inverse = (perm: readonly number[]): number[] => perm.map((_, i) => perm.indexOf(i));

/** The transpose that made `v`, if one did: v's axis i is its source's axis perm[i]. */
function transposed(v: Value | undefined): { source: Value; perm: readonly number[] } | undefined {
  const node = v?.producer;
  if (node?.op !== "Transpose") return undefined;
  return { source: node.inputs[0] as Value, perm: node.attrs.perm as readonly number[] };
}

export function assignLayouts(graph: Graph): void {
  const byValue = new Set(elementwise.flatMap((line) => line.split(" ")));
  const sharing = slicesOfOne(graph);
  rewrite(graph, (node) => {
    const rank = node.outputs[0]?.shape.length ?? 0;
    if (byValue.has(node.op)) return rank < 3 ? undefined : throughElementwise(graph, node);
    const from = transposed(node.inputs[0]);
    if (!from) return undefined;
    if (node.op === "Transpose") {
      const perm = node.attrs.perm as readonly number[];
      return [
        transpose(
          graph,
          from.source,
          perm.map((axis) => from.perm[axis] as number),
        ),
      ];
    }
    if (reductions.has(node.op)) return throughReduction(graph, node, from);
    if (node.op === "Pad") return throughPad(graph, node, from);
    if (node.op === "Slice") return sharing.has(node) ? undefined : throughAxes(graph, node, from);
    if (node.op === "Softmax" || node.op === "LogSoftmax") return throughAxes(graph, node, from);
    if (node.op === "Concat") return throughConcat(graph, node, from.perm);
    return undefined;
  });
}

/** Slices with a sister of the same map (a filter's gradient has one for each tap): one transpose before beats one after each. */
function slicesOfOne(graph: Graph): ReadonlySet<Node> {
  const byMap = new Map<Value, Node[]>();
  for (const node of graph.nodes) {
    if (node.op === "Slice") byMap.set(node.inputs[0] as Value, [...(byMap.get(node.inputs[0] as Value) ?? []), node]);
  }
  return new Set([...byMap.values()].filter((list) => list.length > 1).flat());
}

function throughElementwise(g: Graph, node: Node): Value[] | undefined {
  const shape = (node.outputs[0] as Value).shape;
  const full = node.inputs.filter((v): v is Value => v !== undefined && !v.data && sameShape(v.shape, shape));
  const first = full.map(transposed).find((t) => t !== undefined);
  if (!first) return undefined;
  const { perm } = first;
  const fits = (v: Value) => {
    const t = transposed(v);
    return t !== undefined && sameShape(t.perm, perm);
  };
  const good = full.filter(fits).length;
  if (full.length - good > good) return undefined;
  const inputs = node.inputs.map((v) => v && operandIn(g, v, perm, shape.length));
  const inner = inverse(perm).map((axis) => shape[axis] as number);
  const y = g.add(node.op, inputs, node.attrs, inner, (node.outputs[0] as Value).dtype, node.domain);
  return [transpose(g, y, perm)];
}

/** An operand of an op that now computes in the layout before the transpose by `perm`. */
function operandIn(g: Graph, v: Value, perm: readonly number[], rank: number): Value {
  if (sizeOf(v.shape) === 1) return v.shape.length === 0 ? v : reshape(g, v, []);
  const t = transposed(v);
  if (t && sameShape(t.perm, perm)) return t.source;
  const wide = [...new Array<number>(rank - v.shape.length).fill(1), ...v.shape];
  return transposeSmall(g, reshape(g, v, wide), inverse(perm));
}

/** A transpose, as a reshape where only axes of length 1 move. */
function transposeSmall(g: Graph, v: Value, perm: readonly number[]): Value {
  const moving = perm.filter((axis) => v.shape[axis] !== 1);
  const ordered = moving.every((axis, i) => i === 0 || axis > (moving[i - 1] as number));
  const shape = perm.map((axis) => v.shape[axis] as number);
  return ordered ? reshape(g, v, shape) : transpose(g, v, perm);
}

interface Moved {
  readonly source: Value;
  readonly perm: readonly number[];
}

function throughReduction(g: Graph, node: Node, { source, perm }: Moved): Value[] {
  const axes = (node.attrs.axes as readonly number[]).map((axis) => perm[axis] as number).sort((a, b) => a - b);
  const { shape, dtype } = node.outputs[0] as Value;
  if (node.attrs.keepdims === 1) {
    const inner = source.shape.map((d, i) => (axes.includes(i) ? 1 : d));
    return [transpose(g, g.add(node.op, [source], { ...node.attrs, axes }, inner, dtype), perm)];
  }
  const left = perm.filter((axis) => !axes.includes(axis)); // the result's axes, as axes of the source
  const sorted = [...left].sort((a, b) => a - b);
  const inner = sorted.map((axis) => source.shape[axis] as number);
  const y = g.add(node.op, [source], { ...node.attrs, axes }, inner, dtype);
  const result = transpose(
    g,
    y,
    left.map((axis) => sorted.indexOf(axis)),
  );
  return [sameShape(result.shape, shape) ? result : reshape(g, result, shape)];
}

function throughPad(g: Graph, node: Node, { source, perm }: Moved): Value[] {
  const pads = node.attrs.pads as readonly number[];
  const rank = perm.length;
  const back = inverse(perm);
  const inner = [...back.map((axis) => pads[axis] as number), ...back.map((axis) => pads[rank + axis] as number)];
  const { shape, dtype } = node.outputs[0] as Value;
  const innerShape = back.map((axis) => shape[axis] as number);
  return [transpose(g, g.add("Pad", [source], { ...node.attrs, pads: inner }, innerShape, dtype), perm)];
}

/** Slice and softmax: the axes have other numbers. */
function throughAxes(g: Graph, node: Node, { source, perm }: Moved): Value[] {
  const { shape, dtype } = node.outputs[0] as Value;
  const inner = inverse(perm).map((axis) => shape[axis] as number);
  const attrs =
    node.op === "Slice"
      ? { ...node.attrs, axes: (node.attrs.axes as readonly number[]).map((axis) => perm[axis] as number) }
      : { ...node.attrs, axis: perm[node.attrs.axis as number] as number };
  return [transpose(g, g.add(node.op, [source], attrs, inner, dtype), perm)];
}

function throughConcat(g: Graph, node: Node, perm: readonly number[]): Value[] | undefined {
  const parts = node.inputs as readonly Value[];
  const fits = (v: Value) => {
    const t = transposed(v);
    return t !== undefined && sameShape(t.perm, perm);
  };
  if (!parts.every((v) => v.data || fits(v))) return undefined;
  const back = inverse(perm);
  const sources = parts.map((v) => (v.data ? transpose(g, v, back) : (transposed(v) as Moved).source));
  const { shape, dtype } = node.outputs[0] as Value;
  const inner = back.map((axis) => shape[axis] as number);
  return [
    transpose(g, g.add("Concat", sources, { axis: perm[node.attrs.axis as number] as number }, inner, dtype), perm),
  ];
}
