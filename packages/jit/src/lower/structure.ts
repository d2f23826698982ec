/** Kernels that move, cut, join and fill. */
import { axisOf, cast, concat, expand, filled, pad, reshape, slice, transpose } from "../build.ts";
import { type DType, sizeOf, type Value } from "../ir.ts";
import { attr, type LoweringTable, operand, unsupported } from "./lowering.ts";

/** tfjs's one -1 in a shape. */
function inferred(shape: readonly number[], size: number): number[] {
  const known = shape.reduce((n, d) => (d < 0 ? n : n * d), 1);
  return shape.map((d) => (d < 0 ? size / known : d));
}

const dtypeAttr = (dtype: unknown): DType => (dtype === "int32" || dtype === "bool" ? dtype : "float32");

export const structure: LoweringTable = {
  Reshape: (call) => {
    const x = operand(call, "x");
    return reshape(call.g, x, inferred(attr<readonly number[]>(call, "shape"), sizeOf(x.shape)));
  },
  ExpandDims: (call) => {
    const x = operand(call, "input");
    const shape = [...x.shape];
    const dim = attr<number>(call, "dim");
    shape.splice(dim < 0 ? dim + shape.length + 1 : dim, 0, 1);
    return reshape(call.g, x, shape);
  },
  Transpose: (call) => transpose(call.g, operand(call, "x"), attr<readonly number[]>(call, "perm")),
  Slice: (call) => {
    const x = operand(call, "x");
    const begin = attr<readonly number[]>(call, "begin");
    const size = attr<readonly number[]>(call, "size");
    const end = begin.map((b, i) => ((size[i] as number) < 0 ? (x.shape[i] as number) : b + (size[i] as number)));
    return slice(call.g, x, begin, end);
  },
  StridedSlice: (call) => {
    const masks = ["beginMask", "endMask", "ellipsisMask", "newAxisMask", "shrinkAxisMask"];
    const [begin, end, strides] = (["begin", "end", "strides"] as const).map((n) => attr<readonly number[]>(call, n));
    const x = operand(call, "x");
    const plain =
      masks.every((mask) => !attr<number>(call, mask)) &&
      begin?.length === x.shape.length &&
      [...begin, ...(end ?? [])].every((v) => v >= 0) &&
      strides?.every((s) => s > 0);
    if (!plain || !begin || !end || !strides)
      throw unsupported(call.kernel, "only plain begin, end and stride are known");
    const stop = end.map((e, i) => Math.min(e, x.shape[i] as number));
    return slice(call.g, x, begin, stop, strides);
  },
  Reverse: (call) => {
    const x = operand(call, "x");
    const dims = attr<number | readonly number[]>(call, "dims");
    const axes = (typeof dims === "number" ? [dims] : [...dims]).map((d) => axisOf(d, x.shape.length));
    if (axes.length === 0) return x;
    const attrs = {
      starts: axes.map(() => -1),
      ends: axes.map(() => -(2 ** 31)),
      axes,
      steps: axes.map(() => -1),
    };
    return call.g.add("Slice", [x], attrs, x.shape, x.dtype);
  },
  Concat: (call) => {
    const parts = Object.values(call.inputs);
    return concat(call.g, parts, axisOf(attr<number>(call, "axis"), (parts[0] as Value).shape.length));
  },
  SplitV: (call) => {
    const x = operand(call, "x");
    const axis = axisOf(attr<number>(call, "axis"), x.shape.length);
    const asked = attr<number | readonly number[]>(call, "numOrSizeSplits");
    const length = x.shape[axis] as number;
    const sizes = typeof asked === "number" ? new Array<number>(asked).fill(length / asked) : [...asked];
    const rest = length - sizes.reduce((n, s) => n + Math.max(s, 0), 0);
    const split = sizes.map((s) => (s < 0 ? rest : s));
    if (split.length === 1) return [x];
    const outputs = split.map((s) => ({ shape: x.shape.map((d, i) => (i === axis ? s : d)), dtype: x.dtype }));
    return [...call.g.addMany("Split", [x], { axis, split }, outputs)];
  },
  Unpack: (call) => {
    const { g } = call;
    const x = operand(call, "value");
    const axis = axisOf(attr<number>(call, "axis"), x.shape.length);
    const count = x.shape[axis] as number;
    const shape = x.shape.filter((_, i) => i !== axis);
    if (count === 1) return [reshape(g, x, shape)];
    const outputs = Array.from({ length: count }, () => ({
      shape: x.shape.map((d, i) => (i === axis ? 1 : d)),
      dtype: x.dtype,
    }));
    const parts = g.addMany("Split", [x], { axis, split: outputs.map(() => 1) }, outputs);
    return parts.map((part) => reshape(g, part, shape));
  },
  Pack: (call) => {
    const { g } = call;
    const parts = Object.values(call.inputs);
    const shape = [...(parts[0] as Value).shape];
    const axis = axisOf(attr<number>(call, "axis"), shape.length + 1);
    shape.splice(axis, 0, 1);
    return concat(
      g,
      parts.map((part) => reshape(g, part, shape)),
      axis,
    );
  },
  PadV2: (call) => {
    const paddings = attr<readonly (readonly [number, number])[]>(call, "paddings");
    const pads = [...paddings.map((p) => p[0]), ...paddings.map((p) => p[1])];
    return pad(call.g, operand(call, "x"), pads, attr<number>(call, "constantValue"));
  },
  Tile: (call) => {
    const x = operand(call, "x");
    const repeats = attr<readonly number[]>(call, "reps");
    const shape = x.shape.map((d, i) => d * (repeats[i] as number));
    // Repeats of axes of length 1 are a broadcast, which copies rows instead of counting positions.
    if (x.shape.every((d, i) => d === 1 || repeats[i] === 1)) return expand(call.g, x, shape);
    return call.g.add("Tile", [x], { repeats: [...repeats] }, shape, x.dtype);
  },
  GatherV2: (call) => {
    const { g } = call;
    const [x, indices] = [operand(call, "x"), operand(call, "indices")];
    if (attr<number>(call, "batchDims")) throw unsupported(call.kernel, "batchDims is not known");
    const axis = axisOf(attr<number>(call, "axis"), x.shape.length);
    const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
    return g.add("Gather", [x, indices], { axis }, shape, x.dtype);
  },
  UnsortedSegmentSum: (call) => {
    const { g } = call;
    const [x, ids] = [operand(call, "x"), operand(call, "segmentIds")];
    if (ids.shape.length !== 1) throw unsupported(call.kernel, "only segment ids of rank 1 are known");
    const shape = [attr<number>(call, "numSegments"), ...x.shape.slice(1)];
    const zeros = expand(g, g.scalar(0), shape);
    const index = g.add(
      "Cast",
      [reshape(g, ids, [ids.shape[0] as number, 1])],
      { to: "int64" },
      [ids.shape[0] as number, 1],
      "int64",
    );
    return g.add("ScatterND", [zeros, index, x], { reduction: "add" }, shape, x.dtype);
  },
  OneHot: (call) => {
    const indices = operand(call, "indices");
    const depth = attr<number>(call, "depth");
    const values = [attr<number>(call, "offValue"), attr<number>(call, "onValue")];
    const index = cast(call.g, indices, "int64"); // ONNX Runtime has no kernel for int32 positions with float values
    const hot = call.g.add("OneHot", [index], { depth, values, axis: -1 }, [...indices.shape, depth]);
    return cast(call.g, hot, dtypeAttr(attr<string>(call, "dtype")));
  },
  Fill: (call) => {
    const dtype = dtypeAttr(attr<string>(call, "dtype"));
    return filled(call.g, attr<number>(call, "value"), attr<readonly number[]>(call, "shape"), dtype);
  },
  ZerosLike: (call) => filled(call.g, 0, operand(call, "x").shape, operand(call, "x").dtype),
  OnesLike: (call) => filled(call.g, 1, operand(call, "x").shape, operand(call, "x").dtype),
};
