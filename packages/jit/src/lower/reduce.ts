/** Sums, means and what else makes axes vanish. */
import { axisOf, cast, reduce } from "../build.ts";
import type { Value } from "../ir.ts";
import { attr, type KernelCall, type Lowering, type LoweringTable, operand } from "./lowering.ts";

/** tfjs passes one axis, several, or none for all. */
function axesOf(call: KernelCall, x: Value): number[] {
  const axis = attr<number | readonly number[] | null | undefined>(call, "axis");
  const rank = x.shape.length;
  if (axis === null || axis === undefined) return x.shape.map((_, i) => i);
  const list = typeof axis === "number" ? [axis] : [...axis];
  return list.map((a) => axisOf(a, rank)).sort((a, b) => a - b);
}

const reduction =
  (op: string): Lowering =>
  (call) => {
    const x = operand(call, "x");
    const values = x.dtype === "bool" ? cast(call.g, x, "int32") : x;
    return reduce(call.g, op, values, axesOf(call, x), attr<boolean>(call, "keepDims") ?? false);
  };

const position =
  (op: string): Lowering =>
  (call) => {
    const { g } = call;
    const x = operand(call, "x");
    const axis = axisOf(attr<number>(call, "axis"), x.shape.length);
    const shape = x.shape.filter((_, i) => i !== axis);
    return cast(g, g.add(op, [x], { axis, keepdims: 0 }, shape, "int64"), "int32");
  };

const softmax =
  (op: string, operandName: string, axisName: string): Lowering =>
  (call) => {
    const x = operand(call, operandName);
    return call.g.add(op, [x], { axis: axisOf(attr<number>(call, axisName), x.shape.length) }, x.shape);
  };

export const reductions = (): LoweringTable => ({
  Sum: reduction("ReduceSum"),
  Mean: reduction("ReduceMean"),
  Max: reduction("ReduceMax"),
  Min: reduction("ReduceMin"),
  Prod: reduction("ReduceProd"),
  ArgMax: position("ArgMax"),
  ArgMin: position("ArgMin"),
  Softmax: softmax("Softmax", "logits", "dim"),
  LogSoftmax: softmax("LogSoftmax", "logits", "axis"),
  TopK: (call) => {
    const { g } = call;
    const x = operand(call, "x");
    const k = attr<number>(call, "k");
    const shape = [...x.shape.slice(0, -1), k];
    const outputs = [
      { shape, dtype: x.dtype },
      { shape, dtype: "int64" as const },
    ];
    const [values, indices] = g.addMany("TopK", [x], { k, axis: x.shape.length - 1 }, outputs) as [Value, Value];
    return [values, cast(g, indices, "int32")];
  },
});
