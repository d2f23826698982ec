import { reshape } from "../build.ts";
import { type Graph, rewrite, sameShape, type Value } from "../ir.ts";
import { operandOrders } from "./match.ts";

/** x a + b with one a and b a channel, [N, C, H, W], becomes one pass: a BatchNormalization whose statistics are 0 and 1. */
export function fuseAffine(graph: Graph, uses: ReadonlyMap<Value, number>): void {
  rewrite(graph, (node) => {
    const y = node.outputs[0] as Value;
    if (node.op !== "Add" || y.shape.length !== 4) return undefined;
    const channels = y.shape[1] as number;
    const isVector = (v: Value) => sameShape(v.shape, [1, channels, 1, 1]) && !sameShape(v.shape, y.shape);
    for (const [scaled, b] of operandOrders(y, "Add")) {
      if (!isVector(b) || uses.get(scaled) !== 1) continue;
      for (const [x, a] of operandOrders(scaled, "Mul")) {
        if (!isVector(a) || !sameShape(x.shape, y.shape)) continue;
        const all = (value: number) => graph.constant(new Float32Array(channels).fill(value), [channels], "float32");
        const [scale, shift] = [a, b].map((v) => reshape(graph, v, [channels])) as [Value, Value];
        return [graph.add("BatchNormalization", [x, scale, shift, all(0), all(1)], { epsilon: 0 }, y.shape)];
      }
    }
    return undefined;
  });
}
