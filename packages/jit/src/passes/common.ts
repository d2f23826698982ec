import { type Graph, type Node, rewrite, sizeOf, type Value } from "../ir.ts";

/** Small constants are compared by their values, large ones by identity. */
const SMALL = 64;

/** Common subexpressions: of equal nodes on equal inputs, the first one does. */
export function shareCommon(graph: Graph): void {
  const seen = new Map<string, Node>();
  const constants = new Map<string, number>();

  const keyOf = (v: Value | undefined): string => {
    if (!v) return "-";
    if (!v.data || sizeOf(v.shape) > SMALL) return `v${v.id}`;
    const content = `${v.dtype}:${v.shape.join()}:${Array.from(v.data() as ArrayLike<number>, String).join()}`;
    const id = constants.get(content) ?? v.id;
    constants.set(content, id);
    return `v${id}`;
  };

  rewrite(graph, (node) => {
    const attrs = Object.entries(node.attrs).sort(([a], [b]) => (a < b ? -1 : 1));
    const key = `${node.domain}.${node.op}(${node.inputs.map(keyOf).join()})${JSON.stringify(attrs)}${node.outputs.length}`;
    const known = seen.get(key);
    if (known) return known.outputs;
    seen.set(key, node);
    return undefined;
  });
}
