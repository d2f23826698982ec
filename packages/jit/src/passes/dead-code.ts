import type { Graph, Value } from "../ir.ts";

/** Drops the nodes that no output depends on. */
export function removeDeadCode(graph: Graph): void {
  const live = new Set<Value>(graph.outputs.map(({ value }) => value));
  const kept = graph.nodes.reduceRight<Graph["nodes"]>((nodes, node) => {
    if (!node.outputs.some((v) => live.has(v))) return nodes;
    for (const v of node.inputs) if (v) live.add(v);
    nodes.push(node);
    return nodes;
  }, []);
  graph.nodes = kept.reverse();
}
