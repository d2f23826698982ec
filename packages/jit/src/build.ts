/** Builders of nodes that infer the result's shape: what lowerings and passes are written in. */
import { type ElementType, type Graph, sameShape, sizeOf, type Value } from "./ir.ts";

/** numpy's broadcasting. */
export function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) throw new RangeError(`[${a.join(", ")}] and [${b.join(", ")}] do not broadcast`);
    return x === 1 ? y : x;
  });
}

export const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

const isIdentity = (perm: readonly number[]): boolean => perm.every((axis, i) => axis === i);

export function transpose(g: Graph, x: Value, perm: readonly number[]): Value {
  if (isIdentity(perm)) return x;
  const shape = perm.map((axis) => x.shape[axis] as number);
  return g.add("Transpose", [x], { perm: [...perm] }, shape, x.dtype);
}

export function reshape(g: Graph, x: Value, shape: readonly number[]): Value {
  return sameShape(x.shape, shape) ? x : g.add("Reshape", [x], { shape: [...shape] }, shape, x.dtype);
}

export const unary = (g: Graph, op: string, x: Value, attrs = {}): Value => g.add(op, [x], attrs, x.shape, x.dtype);

/** An op on two broadcast operands; comparisons give `"bool"`. */
export function binary(g: Graph, op: string, a: Value, b: Value, dtype: ElementType = a.dtype): Value {
  return g.add(op, [a, b], {}, broadcastShape(a.shape, b.shape), dtype);
}

export const add = (g: Graph, a: Value, b: Value): Value => binary(g, "Add", a, b);
export const sub = (g: Graph, a: Value, b: Value): Value => binary(g, "Sub", a, b);
export const mul = (g: Graph, a: Value, b: Value): Value => binary(g, "Mul", a, b);
export const div = (g: Graph, a: Value, b: Value): Value => binary(g, "Div", a, b);

export function cast(g: Graph, x: Value, to: ElementType): Value {
  return x.dtype === to ? x : g.add("Cast", [x], { to }, x.shape, to);
}

export function reduce(g: Graph, op: string, x: Value, axes: readonly number[], keepdims: boolean): Value {
  if (axes.length === 0) return x;
  const kept = x.shape.map((d, i) => (axes.includes(i) ? 1 : d));
  const shape = keepdims ? kept : x.shape.filter((_, i) => !axes.includes(i));
  return g.add(op, [x], { axes: [...axes], keepdims: keepdims ? 1 : 0 }, shape, x.dtype);
}

/** A part of each axis; full axes are left out of the node, so that a dynamic batch passes through. */
export function slice(
  g: Graph,
  x: Value,
  begin: readonly number[],
  end: readonly number[],
  step: readonly number[] = begin.map(() => 1),
): Value {
  const axes = x.shape.map((_, i) => i).filter((i) => begin[i] !== 0 || end[i] !== x.shape[i] || step[i] !== 1);
  if (axes.length === 0) return x;
  const at = (values: readonly number[]) => axes.map((i) => values[i] as number);
  const shape = x.shape.map((_, i) => Math.ceil(((end[i] as number) - (begin[i] as number)) / (step[i] as number)));
  return g.add("Slice", [x], { starts: at(begin), ends: at(end), axes, steps: at(step) }, shape, x.dtype);
}

/** What lies at so many places of an axis, runs of the axes behind it: on all threads, as Slice, Concat and Transpose are not. */
export function gatherAt(g: Graph, x: Value, places: readonly number[], axis: number): Value {
  const indices = g.constant(BigInt64Array.from(places, BigInt), [places.length], "int64");
  const shape = x.shape.map((d, i) => (i === axis ? places.length : d));
  return g.add("Gather", [x, indices], { axis }, shape, x.dtype);
}

/** `pads`: all axes' begins, then all axes' ends. */
export function pad(g: Graph, x: Value, pads: readonly number[], value: number): Value {
  if (pads.every((p) => p === 0)) return x;
  const rank = x.shape.length;
  const shape = x.shape.map((d, i) => d + (pads[i] as number) + (pads[rank + i] as number));
  return g.add("Pad", [x], { pads: [...pads], value }, shape, x.dtype);
}

export function concat(g: Graph, parts: readonly Value[], axis: number): Value {
  const first = parts[0] as Value;
  if (parts.length === 1) return first;
  const shape = first.shape.map((d, i) => (i === axis ? parts.reduce((n, p) => n + (p.shape[i] as number), 0) : d));
  return g.add("Concat", parts, { axis }, shape, first.dtype);
}

/** `x` repeated to `shape`. */
export function expand(g: Graph, x: Value, shape: readonly number[]): Value {
  return sameShape(x.shape, shape) ? x : g.add("Expand", [x], { shape: [...shape] }, shape, x.dtype);
}

/** A tensor of one value: a constant where it is small and static, computed where not. */
export function filled(g: Graph, value: number, shape: readonly number[], dtype: ElementType): Value {
  const make = dtype === "float32" ? Float32Array : dtype === "bool" ? Uint8Array : Int32Array;
  if (sizeOf(shape) <= 1024 && !shape.some((d) => g.isDynamic(d))) {
    return g.constant(new make(sizeOf(shape)).fill(value), shape, dtype);
  }
  return expand(g, g.constant(make.of(value), [], dtype), shape);
}

/** The product of the last two axes, the others broadcast. */
export function matMul(g: Graph, a: Value, b: Value): Value {
  const batch = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  return g.add("MatMul", [a, b], {}, [...batch, a.shape.at(-2) as number, b.shape.at(-1) as number]);
}

/** A product of two matrices, either of them read transposed. */
export function gemm(g: Graph, a: Value, b: Value, transA: boolean, transB: boolean): Value {
  const m = a.shape[transA ? 1 : 0] as number;
  const n = b.shape[transB ? 0 : 1] as number;
  return g.add("Gemm", [a, b], { transA: transA ? 1 : 0, transB: transB ? 1 : 0 }, [m, n]);
}

/** The value of a constant with one element, or undefined. */
export function scalarOf(v: Value | undefined): number | undefined {
  if (!v?.data || sizeOf(v.shape) !== 1) return undefined;
  return Number(v.data()[0]);
}

export const toNchw = (g: Graph, x: Value): Value => transpose(g, x, [0, 3, 1, 2]);
export const toNhwc = (g: Graph, x: Value): Value => transpose(g, x, [0, 2, 3, 1]);
/** A filter [kh, kw, in, out] as ONNX has it: [out, in, kh, kw]. */
export const toOihw = (g: Graph, w: Value): Value => transpose(g, w, [3, 2, 0, 1]);
/** An [out, in, kh, kw] filter as tfjs has it. */
export const toHwio = (g: Graph, w: Value): Value => transpose(g, w, [2, 3, 1, 0]);
