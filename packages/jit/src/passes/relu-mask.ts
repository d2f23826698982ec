import { unary } from "../build.ts";
import { type Graph, rewrite, type Value } from "../ir.ts";

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
