import { type Graph, rewrite, type Value } from "../ir.ts";
import { layersOf } from "./layers.ts";

/**
 * Sets the smallest weights of each layer to zero, by magnitude: `sparsity` of them, from 0 to below 1 (Han et al. 2015,
 * https://arxiv.org/abs/1506.02626, without the retraining). Ties fall together, so that the share is met or passed.
 */
export function prune(graph: Graph, sparsity: number): void {
  const pruned = new Map<Value, Value>();
  for (const { weight } of layersOf(graph)) {
    const values = () => sparse((weight.data as () => Float32Array)(), sparsity);
    pruned.set(weight, graph.constant(values, weight.shape, "float32"));
  }
  rewrite(graph, (node) => {
    node.inputs = node.inputs.map((v) => v && (pruned.get(v) ?? v));
    return undefined;
  });
}

/** A copy in which the share of values that are least in magnitude is 0. */
export function sparse(values: Float32Array, share: number): Float32Array {
  const count = Math.floor(values.length * share);
  if (count === 0) return values;
  const bound = values.map(Math.abs).sort()[count - 1] as number;
  return values.map((v) => (Math.abs(v) <= bound ? 0 : v));
}
