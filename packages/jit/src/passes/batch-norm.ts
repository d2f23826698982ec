import { type Graph, rewrite, sizeOf, type Value } from "../ir.ts";

const read = (v: Value): Float32Array => (v.data as () => Float32Array)();

/** Batch normalisation with known statistics, after a convolution with known weights, becomes part of both. */
export function foldBatchNorm(graph: Graph, uses: ReadonlyMap<Value, number>): void {
  rewrite(graph, (node) => {
    if (node.op !== "BatchNormalization" || node.outputs.length !== 1) return undefined;
    const [x, ...rest] = node.inputs as [Value, Value, Value, Value, Value];
    const conv = x.producer;
    if (conv?.op !== "Conv" || (uses.get(x) ?? 0) > 1) return undefined;
    const [source, weight, bias] = conv.inputs as [Value, Value, Value | undefined];
    if (!weight.data || (bias && !bias.data) || !rest.every((v) => v.data)) return undefined;
    const channels = weight.shape[0] as number;
    const epsilon = node.attrs.epsilon as number;
    const factors = (): Float32Array => {
      const [scale, , , variance] = rest.map(read) as [Float32Array, Float32Array, Float32Array, Float32Array];
      return scale.map((s, c) => s / Math.sqrt((variance[c] as number) + epsilon));
    };
    const weights = () => {
      const out = read(weight).slice();
      const per = sizeOf(weight.shape) / channels;
      factors().forEach((f, c) => {
        for (let i = c * per; i < (c + 1) * per; i++) out[i] = (out[i] as number) * f;
      });
      return out;
    };
    const biases = () => {
      const [, offset, mean] = rest.map(read) as [Float32Array, Float32Array, Float32Array];
      const own = bias && read(bias);
      return factors().map((f, c) => (offset[c] as number) + ((own?.[c] ?? 0) - (mean[c] as number)) * f);
    };
    const inputs = [
      source,
      graph.constant(weights, weight.shape, "float32"),
      graph.constant(biases, [channels], "float32"),
    ];
    return [graph.add("Conv", inputs, conv.attrs, x.shape)];
  });
}
