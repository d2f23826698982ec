/** Constant folding: what depends on constants only is computed once, here. */
import { permuteValues } from "@vitrail/layers";
import { type Graph, type Node, rewrite, sizeOf, type TypedArray, type Value } from "../ir.ts";

type Unary = (x: number) => number;
type Binary = (a: number, b: number) => number;

const unaries: Readonly<Record<string, Unary>> = {
  Neg: (x) => -x,
  Sqrt: Math.sqrt,
  Reciprocal: (x) => 1 / x,
  Exp: Math.exp,
  Log: Math.log,
  Abs: Math.abs,
};
const binaries: Readonly<Record<string, Binary>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
};

export function foldConstants(graph: Graph): void {
  rewrite(graph, (node) => {
    if (node.domain !== "" || node.outputs.length !== 1) return undefined;
    if (node.inputs.length === 0 || !node.inputs.every((v) => v?.data)) return undefined;
    const { shape, dtype } = node.outputs[0] as Value;
    if (dtype !== "float32" || shape.some((d) => graph.isDynamic(d))) return undefined;
    const compute = folder(node);
    return compute && [graph.constant(compute, shape, dtype)];
  });
}

/** The node as a function of nothing, or undefined where there is no rule. */
function folder(node: Node): (() => TypedArray) | undefined {
  const [a, b] = node.inputs as [Value, Value | undefined];
  const read = (v: Value) => (v.data as () => Float32Array)();
  if (a.dtype !== "float32") return undefined;
  if (node.op === "Reshape") return () => read(a);
  if (node.op === "Transpose") return () => permuteValues(read(a), a.shape, node.attrs.perm as readonly number[]);
  const one = unaries[node.op];
  if (one) return () => read(a).map(one);
  const two = binaries[node.op];
  if (two && b?.dtype === "float32") return () => broadcast(two, a, b, (node.outputs[0] as Value).shape);
  return undefined;
}

/** For each value of `shape`, its place in a tensor that is broadcast to it. */
function strides(from: readonly number[], shape: readonly number[]): number[] {
  const lead = shape.length - from.length;
  const result = new Array<number>(shape.length).fill(0);
  for (let i = from.length - 1, n = 1; i >= 0; i--) {
    if (from[i] !== 1) result[lead + i] = n;
    n *= from[i] as number;
  }
  return result;
}

function broadcast(f: Binary, a: Value, b: Value, shape: readonly number[]): Float32Array {
  const [x, y] = [(a.data as () => TypedArray)(), (b.data as () => TypedArray)()] as [Float32Array, Float32Array];
  const out = new Float32Array(sizeOf(shape));
  const [sx, sy] = [strides(a.shape, shape), strides(b.shape, shape)];
  const index = shape.map(() => 0);
  for (let i = 0, p = 0, q = 0; i < out.length; i++) {
    out[i] = f(x[p] as number, y[q] as number);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      p += sx[axis] as number;
      q += sy[axis] as number;
      index[axis] = (index[axis] as number) + 1;
      if ((index[axis] as number) < (shape[axis] as number)) break;
      index[axis] = 0;
      p -= (sx[axis] as number) * (shape[axis] as number);
      q -= (sy[axis] as number) * (shape[axis] as number);
    }
  }
  return out;
}
