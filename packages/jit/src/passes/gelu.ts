import { mul, unary } from "../build.ts";
import { type Graph, rewrite, type Value } from "../ir.ts";
import { madeBy, operandOrders, withScalar } from "./match.ts";

/** (x / 2) (1 + erf(x / √2)) becomes one Gelu. */
export function fuseGelu(graph: Graph): void {
  rewrite(graph, (node) => {
    const y = node.outputs[0] as Value;
    if (node.op !== "Mul") return undefined;
    const [a, b] = node.inputs as [Value, Value];
    for (const [half, bracket] of [
      [a, b],
      [b, a],
    ] as const) {
      const x = withScalar(half, "Mul", 0.5);
      const erf = withScalar(bracket, "Add", 1);
      const inner = withScalar(madeBy(erf, "Erf")?.inputs[0], "Mul", Math.SQRT1_2);
      if (x && inner === x) return [graph.add("Gelu", [x], {}, y.shape, y.dtype)];
    }
    return undefined;
  });
}

/**
 * For gradients, which need Φ(z) = (1 + erf(z / √2)) / 2 itself: one pass makes it (a "hard sigmoid", whose bounds erf
 * never reaches), and z Φ(z) is what GELU is.
 */
export function shareNormalCdf(graph: Graph): void {
  const cdf = (v: Value | undefined): Value | undefined => {
    const erf = withScalar(v, "Add", 1);
    return madeBy(erf, "Erf") && unary(graph, "HardSigmoid", erf as Value, { alpha: 0.5, beta: 0.5 });
  };
  rewrite(graph, (node) => {
    const y = node.op === "Mul" ? node.outputs[0] : undefined;
    const whole = cdf(withScalar(y, "Mul", 0.5));
    if (whole) return [whole];
    for (const [half, rest] of operandOrders(y, "Mul")) {
      const z = withScalar(half, "Mul", 0.5);
      const part = z && cdf(rest);
      if (part) return [mul(graph, z, part)];
    }
    return undefined;
  });
}
