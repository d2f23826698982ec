import { reshape } from "../build.ts";
import { type Graph, rewrite, sameShape, type Value } from "../ir.ts";

/** An addition of one value a channel after a convolution or matrix product becomes its bias. */
export function foldBias(graph: Graph, uses: ReadonlyMap<Value, number>): void {
  rewrite(graph, (node) => {
    if (node.op !== "Add") return undefined;
    const { shape, dtype } = node.outputs[0] as Value;
    const [a, b] = node.inputs as [Value, Value];
    for (const [y, bias] of [
      [a, b],
      [b, a],
    ] as const) {
      const product = y.producer;
      if (product?.inputs.length !== 2 || (uses.get(y) ?? 0) > 1 || !sameShape(y.shape, shape)) continue;
      const channelAxis = product.op === "Conv" ? 1 : product.op === "Gemm" ? shape.length - 1 : -1;
      const channels = shape[channelAxis];
      if (channels === undefined || product.domain !== "") continue;
      const expected = shape.map((d, i) => (i === channelAxis ? d : 1));
      const wide = [...new Array<number>(shape.length - bias.shape.length).fill(1), ...bias.shape];
      if (!sameShape(wide, expected)) continue;
      return [
        graph.add(product.op, [...product.inputs, reshape(graph, bias, [channels])], product.attrs, shape, dtype),
      ];
    }
    return undefined;
  });
}
