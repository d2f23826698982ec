import { type Graph, rewrite, type Value } from "../ir.ts";
import { madeBy, scalarOperand } from "./match.ts";

/** The matrices before they were transposed, where `v` is a transpose of its last two axes only. */
export function swapped(v: Value | undefined): Value | undefined {
  const node = madeBy(v, "Transpose");
  if (!node) return undefined;
  const perm = node.attrs.perm as readonly number[];
  const rank = perm.length;
  const last = perm[rank - 2] === rank - 1 && perm[rank - 1] === rank - 2;
  return last && perm.slice(0, -2).every((axis, i) => axis === i) ? node.inputs[0] : undefined;
}

/** Products of batches of matrices read transposed operands, and take a factor, in ONNX Runtime's `FusedMatMul`. */
export function fuseProducts(graph: Graph): void {
  rewrite(graph, (node) => {
    if (node.op !== "MatMul" || node.domain !== "") return undefined;
    const [a, b] = node.inputs as [Value, Value];
    if (a.shape.length < 3 || b.shape.length < 3 || a.data || b.data) return undefined;
    const left = scalarOperand(a, "Mul");
    const right = scalarOperand(b, "Mul");
    const alpha = (left?.scalar ?? 1) * (right?.scalar ?? 1);
    const [x, y] = [left?.x ?? a, right?.x ?? b];
    const [ta, tb] = [swapped(x), swapped(y)];
    if (!ta && !tb && alpha === 1) return undefined;
    const attrs = { transA: ta ? 1 : 0, transB: tb ? 1 : 0, alpha };
    return [
      graph.add("FusedMatMul", [ta ?? x, tb ?? y], attrs, (node.outputs[0] as Value).shape, "float32", "com.microsoft"),
    ];
  });
}
