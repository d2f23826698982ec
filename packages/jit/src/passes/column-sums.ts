import { gemm, reshape } from "../build.ts";
import { type Graph, rewrite, sizeOf, type Value } from "../ir.ts";

/** Fewer rows than this are added up as fast as they are multiplied. */
const ROWS = 64;

/** Sums over all axes but the last (gradients of biases, of gains) become a product with a row of ones, in half the time. */
export function sumByProduct(graph: Graph): void {
  const ones = new Map<number, Value>();
  rewrite(graph, (node) => {
    const [x] = node.inputs as [Value];
    const rank = x?.shape.length ?? 0;
    if (node.op !== "ReduceSum" || x.dtype !== "float32" || rank < 2) return undefined;
    const axes = node.attrs.axes as readonly number[];
    const columns = x.shape[rank - 1] as number;
    const rows = sizeOf(x.shape) / columns;
    if (axes.length !== rank - 1 || axes.includes(rank - 1) || rows < ROWS) return undefined;
    const row = ones.get(rows) ?? graph.constant(new Float32Array(rows).fill(1), [1, rows], "float32");
    ones.set(rows, row);
    const sums = gemm(graph, row, reshape(graph, x, [rows, columns]), false, false);
    return [reshape(graph, sums, (node.outputs[0] as Value).shape)];
  });
}
