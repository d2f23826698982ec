import { encodeFloat16 } from "@vitrail/checkpoint";
import { cast } from "../build.ts";
import { Graph, sizeOf, type Value } from "../ir.ts";

/** Constants up to this size stay as they are: they weigh nothing, and normalisations are sensitive to them. */
const SMALL = 1024;
/** The largest finite half. */
const MOST = 65504;

/**
 * The graph with its weights stored as fp16 and widened again where they are read: half the file, computed in fp32 as before. The
 * graph that was given stays as it is. Weights that fp16 cannot hold stay in fp32.
 */
export function storeHalf(graph: Graph): Graph {
  const out = new Graph(graph.batch);
  out.inputs = graph.inputs;
  const halves = new Map<Value, Value>();
  const now = new Map<Value, Value>();

  const half = (v: Value): Value => {
    if (!v.data || v.dtype !== "float32" || sizeOf(v.shape) <= SMALL) return v;
    const known = halves.get(v);
    if (known) return known;
    const values = v.data() as Float32Array;
    const fits = values.every((x) => Math.abs(x) <= MOST);
    const stored = fits ? cast(out, out.constant(encodeFloat16(values), v.shape, "float16"), "float32") : v;
    halves.set(v, stored);
    return stored;
  };

  for (const node of graph.nodes) {
    const inputs = node.inputs.map((v) => v && (now.get(v) ?? half(v)));
    const outputs = out.addMany(node.op, inputs, node.attrs, node.outputs, node.domain);
    for (const [i, old] of node.outputs.entries()) now.set(old, outputs[i] as Value);
  }
  out.outputs = graph.outputs.map(({ name, value }) => ({ name, value: now.get(value) ?? value }));
  return out;
}
