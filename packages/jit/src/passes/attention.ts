import { reshape } from "../build.ts";
import { type Graph, type Node, rewrite, sameShape, type Value } from "../ir.ts";
import { madeBy, scalarOperand } from "./match.ts";

/**
 * Self-attention from the product that makes queries, keys and values to the heads side by side becomes ONNX Runtime's
 * own `Attention`, which never writes the heads' transposes. Not for files that other runtimes read.
 */
export function fuseAttention(graph: Graph): void {
  rewrite(graph, (node) => {
    const found = node.op === "Reshape" ? match(node) : undefined;
    if (!found) return undefined;
    const { product, tokens, heads, scale, batch } = found;
    const [x, weight, bias] = product.inputs as [Value, Value, Value];
    const dim = x.shape[1] as number;
    const input = reshape(graph, x, [batch, tokens, dim]);
    const attrs = { num_heads: heads, scale };
    const shape = [batch, tokens, (weight.shape[1] as number) / 3];
    const y = graph.add("Attention", [input, weight, bias], attrs, shape, "float32", "com.microsoft");
    return [reshape(graph, y, (node.outputs[0] as Value).shape)];
  });
}

interface Match {
  /** The Gemm with weight [D, 3 D] and bias. */
  readonly product: Node;
  readonly batch: number;
  readonly tokens: number;
  readonly heads: number;
  readonly scale: number;
}

function match(output: Node): Match | undefined {
  const merged = madeBy(output.inputs[0], "Transpose"); // [B, N, H, d]
  if (!merged || !sameShape(merged.attrs.perm as number[], [0, 2, 1, 3])) return undefined;
  const weighted = madeBy(merged.inputs[0], "MatMul");
  const softmax = madeBy(weighted?.inputs[0], "Softmax");
  const scores = madeBy(softmax?.inputs[0], "MatMul");
  const query = scalarOperand(scores?.inputs[0], "Mul");
  const key = madeBy(scores?.inputs[1], "Transpose");
  if (!weighted || softmax?.attrs.axis !== 3 || !query || !key) return undefined;
  if (!sameShape(key.attrs.perm as number[], [0, 1, 3, 2])) return undefined;
  const parts = [query.x, key.inputs[0], weighted.inputs[1]].map((v) => madeBy(v, "Reshape")?.inputs[0]);
  const split = parts[0]?.producer;
  if (split?.op !== "Split" || split.attrs.axis !== 0) return undefined;
  if (!parts.every((v, i) => v !== undefined && v === split.outputs[i])) return undefined;
  const apart = madeBy(split.inputs[0], "Transpose"); // [3, B, H, N, d]
  const five = madeBy(apart?.inputs[0], "Reshape");
  if (!apart || !five || !sameShape(apart.attrs.perm as number[], [2, 0, 3, 1, 4])) return undefined;
  const [batch, tokens, three, heads, d] = (five.outputs[0] as Value).shape as [number, number, number, number, number];
  const product = madeBy(five.inputs[0], "Gemm");
  if (three !== 3 || !product?.inputs[2] || product.attrs.transA || product.attrs.transB) return undefined;
  if (product.inputs[1]?.shape[1] !== 3 * heads * d || product.inputs[1].shape[0] !== heads * d) return undefined;
  if (!product.inputs[1].data || !product.inputs[2].data) return undefined;
  return { product, batch, tokens, heads, scale: query.scalar };
}
