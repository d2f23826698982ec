import { binary, expand, reshape, scalarOf, slice, transpose } from "../build.ts";
import { type Graph, type Node, rewrite, sameShape, sizeOf, type Value } from "../ir.ts";

/** Small identities: views of views, casts and products that change nothing. */
export function simplify(graph: Graph): void {
  rewrite(graph, (node) => {
    const result = simpler(graph, node);
    return result && [result];
  });
}

function simpler(g: Graph, node: Node): Value | undefined {
  const [x, y] = node.inputs as [Value, Value | undefined];
  const shape = node.outputs[0]?.shape as readonly number[];
  const from = x?.producer;
  const narrow = beforeExpand(g, node);
  if (narrow) return narrow;
  switch (node.op) {
    case "Identity":
      return x;
    case "Reshape":
      if (sameShape(x.shape, shape)) return x;
      if (from?.op === "Reshape") return reshape(g, from.inputs[0] as Value, shape);
      return undefined;
    case "Transpose": {
      const perm = node.attrs.perm as readonly number[];
      if (from?.op === "Transpose") {
        const inner = from.attrs.perm as readonly number[];
        return transpose(
          g,
          from.inputs[0] as Value,
          perm.map((axis) => inner[axis] as number),
        );
      }
      // Where only axes of length 1 move, the values stay where they are.
      const moving = perm.filter((axis) => x.shape[axis] !== 1);
      return moving.every((axis, i) => i === 0 || axis > (moving[i - 1] as number)) ? reshape(g, x, shape) : undefined;
    }
    case "Mul":
    case "Div":
      if (node.op === "Mul" && y && sameShape(y.shape, shape) && scalarOf(x) === 1) return y;
      return sameShape(x.shape, shape) && scalarOf(y) === 1 ? x : undefined;
    case "Add":
    case "Sub":
      return sameShape(x.shape, shape) && scalarOf(y) === 0 ? x : undefined;
    case "Concat":
      return from?.op === "Split" && from.attrs.axis === node.attrs.axis && sameValues(node.inputs, from.outputs)
        ? (from.inputs[0] as Value)
        : undefined;
    case "Slice":
      return from?.op === "Pad" ? unpadded(g, node, from) : undefined;
    default:
      return undefined;
  }
}

const sameValues = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((value, i) => value === b[i]);

const broadcasting = ["Add", "Sub", "Mul", "Div"];

/** Arithmetic with a repeated value, done before the repetition, which often is none then: the other operand is as large. */
function beforeExpand(g: Graph, node: Node): Value | undefined {
  if (!broadcasting.includes(node.op)) return undefined;
  const source = (v: Value | undefined) => (v?.producer?.op === "Expand" ? (v.producer.inputs[0] as Value) : v);
  const [a, b] = node.inputs.map(source) as [Value, Value];
  if (a === node.inputs[0] && b === node.inputs[1]) return undefined;
  const { shape } = node.outputs[0] as Value;
  return expand(g, binary(g, node.op, a, b), shape);
}

/** A slice that takes away exactly what a pad has added. */
function unpadded(g: Graph, node: Node, padNode: Node): Value | undefined {
  const source = padNode.inputs[0] as Value;
  const pads = padNode.attrs.pads as readonly number[];
  const rank = source.shape.length;
  const axes = node.attrs.axes as readonly number[];
  const [starts, ends, steps] = (["starts", "ends", "steps"] as const).map((n) => node.attrs[n] as readonly number[]);
  if (!starts || !ends || steps?.some((s) => s !== 1)) return undefined;
  const begin = new Array<number>(rank).fill(0);
  const end = [...(node.inputs[0] as Value).shape];
  axes.forEach((axis, i) => {
    begin[axis] = starts[i] as number;
    end[axis] = ends[i] as number;
  });
  const inside = source.shape.every((d, i) => {
    const before = pads[i] as number;
    return (begin[i] as number) >= before && (end[i] as number) <= before + d;
  });
  if (!inside || sizeOf(node.outputs[0]?.shape ?? []) === 0) return undefined;
  const shifted = (values: readonly number[]) => values.map((v, i) => v - (pads[i] as number));
  return slice(g, source, shifted(begin), shifted(end));
}
