import { gemm, reshape } from "../build.ts";
import { type Graph, rewrite, sizeOf, type Value } from "../ir.ts";

/** Smaller tensors are added up as fast as they are multiplied. */
const VALUES = 4096;

/**
 * Sums over the first axes (gradients of biases and gains; products of single images) become a product with a row of ones, in
 * half to an eighth of the time.
 */
export function sumByProduct(graph: Graph): void {
  const ones = new Map<number, Value>();
  rewrite(graph, (node) => {
    const [x] = node.inputs as [Value];
    if (node.op !== "ReduceSum" || x.dtype !== "float32" || sizeOf(x.shape) < VALUES) return undefined;
    const axes = node.attrs.axes as readonly number[];
    if (axes.length === x.shape.length || axes.some((axis, i) => axis !== i)) return undefined;
    const rows = sizeOf(x.shape.slice(0, axes.length));
    const columns = sizeOf(x.shape) / rows;
    const row = ones.get(rows) ?? graph.constant(new Float32Array(rows).fill(1), [1, rows], "float32");
    ones.set(rows, row);
    const sums = gemm(graph, row, reshape(graph, x, [rows, columns]), false, false);
    return [reshape(graph, sums, (node.outputs[0] as Value).shape)];
  });
}
