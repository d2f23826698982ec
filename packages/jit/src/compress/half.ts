import { encodeFloat16 } from "@vitrail/checkpoint";
import { cast } from "../build.ts";
import { type Graph, rebuilt, sizeOf, type Value } from "../ir.ts";

/** Constants up to this size stay as they are: they weigh nothing, and normalisations are sensitive to them. */
const SMALL = 1024;
/** The largest finite half. */
const MOST = 65504;

/**
 * The graph with its weights stored as fp16 and widened again where they are read: half the file, computed in fp32 as before. The
 * graph that was given stays as it is. Weights that fp16 cannot hold stay in fp32.
 */
export function storeHalf(graph: Graph): Graph {
  const halves = new Map<Value, Value>();

  const half = (out: Graph, v: Value): Value => {
    if (!v.data || v.dtype !== "float32" || sizeOf(v.shape) <= SMALL) return v;
    const known = halves.get(v);
    if (known) return known;
    const values = v.data() as Float32Array;
    const fits = values.every((x) => Math.abs(x) <= MOST);
    const stored = fits ? cast(out, out.constant(encodeFloat16(values), v.shape, "float16"), "float32") : v;
    halves.set(v, stored);
    return stored;
  };

  return rebuilt(graph, (out, { op, attrs, outputs, domain }, inputs) =>
    out.addMany(
      op,
      inputs.map((v) => v && half(out, v)),
      attrs,
      outputs,
      domain,
    ),
  );
}
