import { type Graph, rewrite, type Value } from "../ir.ts";
import { madeBy, withScalar } from "./match.ts";

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
