import { transpose } from "../build.ts";
import { type Graph, type Node, rewrite, type Value } from "../ir.ts";

/** The value that a window's own padding has, by op. */
const implied: Readonly<Record<string, number>> = { Conv: 0, MaxPool: Number.NEGATIVE_INFINITY };

/** A pad before a convolution or max-pool becomes that window's own. */
export function foldPadding(graph: Graph): void {
  rewrite(graph, (node) => {
    const found = foldable(graph, node);
    if (!found) return undefined;
    const own = node.attrs.pads as readonly number[];
    const pads = own.map((p, i) => p + (found.pads[i < 2 ? 2 + i : 4 + i] as number));
    const inputs = [found.source(), ...node.inputs.slice(1)];
    const outputs = node.outputs.map(({ shape, dtype }) => ({ shape, dtype }));
    return graph.addMany(node.op, inputs, { ...node.attrs, pads }, outputs, node.domain);
  });
}

interface Padded {
  readonly source: () => Value;
  /** In the order of the window's axes. */
  readonly pads: readonly number[];
}

/** What was padded to make `v`, also where it was padded before a transpose. */
function padded(g: Graph, v: Value | undefined, value: number): Padded | undefined {
  const from = v?.producer;
  const moved = from?.op === "Transpose" ? from : undefined;
  const node = moved ? moved.inputs[0]?.producer : from;
  if (node?.op !== "Pad" || node.attrs.value !== value) return undefined;
  const pads = node.attrs.pads as readonly number[];
  const source = node.inputs[0] as Value;
  if (!moved) return { source: () => source, pads };
  const perm = moved.attrs.perm as readonly number[];
  const order = [...perm, ...perm.map((axis) => axis + perm.length)];
  return { source: () => transpose(g, source, perm), pads: order.map((i) => pads[i] as number) };
}

function foldable(g: Graph, node: Node): Padded | undefined {
  const value = implied[node.op];
  const found = value === undefined ? undefined : padded(g, node.inputs[0], value);
  if (!found) return undefined;
  const { pads } = found;
  // Batch and channels (axes 0 and 1 of 4) must be untouched, and nothing cut away.
  if (pads.length !== 8 || pads[0] || pads[1] || pads[4] || pads[5] || pads.some((p) => p < 0)) return undefined;
  // A max-pool's positions count in the padded map; where someone reads them they must stay.
  if (node.op === "MaxPool" && node.outputs.length > 1) return undefined;
  // ONNX Runtime refuses padding of a whole window.
  const kernel = node.attrs.kernel_shape as readonly number[];
  const own = node.attrs.pads as readonly number[];
  const fits = own.every((p, i) => p + (pads[i < 2 ? 2 + i : 4 + i] as number) < (kernel[i % 2] as number));
  return node.op === "Conv" || fits ? found : undefined;
}

/** Max-pools whose positions nobody reads lose that output, which lets a runtime take its faster kernel. */
export function dropUnusedPositions(graph: Graph, uses: ReadonlyMap<Value, number>): void {
  rewrite(graph, (node) => {
    if (node.op !== "MaxPool" || node.outputs.length < 2) return undefined;
    const [y, positions] = node.outputs as [Value, Value];
    if (uses.get(positions)) return undefined;
    const fresh = graph.add("MaxPool", node.inputs, node.attrs, y.shape, y.dtype);
    return [fresh, positions];
  });
}
