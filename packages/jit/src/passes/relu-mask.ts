/** Where a ReLU let values through, which its gradient is multiplied with. */
import { mul, reshape, unary } from "../build.ts";
import { countUses, type Graph, type Node, rewrite, sameShape, type Value } from "../ir.ts";
import { madeBy, operandOrders } from "./match.ts";

/**
 * Where a ReLU let values through is asked of its result, not of its operand: the result is kept for the next layer's gradient
 * anyway, and the operand's memory is free for it.
 */
export function maskByResult(graph: Graph): void {
  const results = new Map<Value, Value>();
  rewrite(graph, ({ op, inputs, outputs, attrs }) => {
    const x = inputs[0] as Value;
    if (op === "Relu") results.set(x, outputs[0] as Value);
    const y = op === "HardSigmoid" && attrs.beta === 0 ? results.get(x) : undefined;
    return y && [unary(graph, "HardSigmoid", y, attrs)];
  });
}

/**
 * Behind a pool of maxima the mask goes before the pool's gradient, to the pool's size. All that the gradient lays on a pixel comes
 * from windows that have this pixel's value as their maximum: the ReLU let it through where it let theirs through. To be done
 * after {@link maskByResult}.
 */
export function maskBeforeUnpooling(graph: Graph): void {
  const uses = countUses(graph);
  rewrite(graph, ({ op, outputs }) => {
    if (op !== "Mul") return undefined;
    const [product] = outputs as [Value];
    for (const [masked, by] of operandOrders(product, "Mul")) {
      const mask = madeBy(by, "HardSigmoid");
      const laid = madeBy(masked, "Reshape")?.inputs[0];
      const scatter = uses.get(masked) === 1 ? madeBy(laid, "ScatterElements") : undefined;
      if (!laid || !mask || mask.attrs.beta !== 0 || !scatter) continue;
      const [zeros, at, flat] = scatter.inputs as [Value, Value, Value];
      const pool = poolOf(at);
      const slopes = madeBy(flat, "Reshape")?.inputs[0];
      if (!pool || !slopes || pool.inputs[0] !== mask.inputs[0]) continue;
      const [map, maxima] = [mask.inputs[0] as Value, pool.outputs[0] as Value];
      if (!sameShape(map.shape, product.shape) || !sameShape(maxima.shape, slopes.shape)) continue;
      const kept = mul(graph, slopes, unary(graph, "HardSigmoid", maxima, mask.attrs));
      const operands = [zeros, at, reshape(graph, kept, flat.shape)];
      const unpooled = graph.add("ScatterElements", operands, scatter.attrs, laid.shape);
      return [reshape(graph, unpooled, product.shape)];
    }
    return undefined;
  });
}

/** The pool whose maxima stand at these positions. */
function poolOf(at: Value): Node | undefined {
  const positions = madeBy(at, "Reshape")?.inputs[0];
  const pool = madeBy(positions, "MaxPool");
  return pool?.outputs[1] === positions ? pool : undefined;
}
