import { mul, reduce, sub } from "../build.ts";
import { type Graph, type Node, rewrite, sameShape, type Value } from "../ir.ts";
import { swapped } from "./fused-product.ts";
import { madeBy, operandOrders } from "./match.ts";

/**
 * The gradient of attention's softmax takes the sum of P dP over each row, P being the weights and dP = dO Vᵀ. With O = P V that
 * is the sum of O dO, over a head's few values in place of all tokens: y (dP − Σ O dO) in two passes over the weights, not three
 * and a sum ("FlashAttention", https://arxiv.org/abs/2205.14135, appendix B.4).
 */
export function shortenSoftmaxGradient(graph: Graph): void {
  const products = new Map<Value, Node[]>();
  rewrite(graph, (node) => {
    if (node.op === "MatMul") {
      const left = node.inputs[0] as Value;
      products.set(left, [...(products.get(left) ?? []), node]);
    }
    const found = node.op === "Sub" ? match(node) : undefined;
    const slope = madeBy(found?.slope, "MatMul");
    if (!found || !slope) return undefined;
    const [dO, right] = slope.inputs as [Value, Value];
    const values = swapped(right);
    const output = products.get(found.weights)?.find(({ inputs }) => inputs[1] === values)?.outputs[0];
    if (!output || !sameShape(output.shape, dO.shape)) return undefined;
    const along = reduce(graph, "ReduceSum", mul(graph, output, dO), [dO.shape.length - 1], true);
    return [mul(graph, found.weights, sub(graph, found.slope, along))];
  });
}

/** P and dP where the node is P dP − P Σ(P dP) over the last axis. */
function match(node: Node): { readonly weights: Value; readonly slope: Value } | undefined {
  const [first, second] = node.inputs as [Value, Value];
  for (const [sum, weights] of operandOrders(second, "Mul")) {
    const total = madeBy(sum, "ReduceSum");
    if (madeBy(weights, "Softmax")?.attrs.axis !== weights.shape.length - 1 || total?.inputs[0] !== first) continue;
    if (total.attrs.keepdims !== 1 || !sameShape(total.attrs.axes as number[], [weights.shape.length - 1])) continue;
    for (const [slope, other] of operandOrders(first, "Mul")) if (other === weights) return { weights, slope };
  }
  return undefined;
}
