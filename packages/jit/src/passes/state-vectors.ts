import { concat } from "../build.ts";
import type { Graph, Value } from "../ir.ts";
import type { StatePorts } from "./state-layout.ts";

/**
 * Vectors of a step's state become one input and, where they have next values, one output: a runtime's binding converts every tensor of the
 * state on its way in and out, and a network's many vectors cost it more there than in arithmetic. Gives where in the joined tensor
 * each vector begins, by its input's name. Of a list, all or none have a next value.
 */
export function joinVectors(
  graph: Graph,
  whole: Required<StatePorts>,
  vectors: readonly StatePorts[],
): ReadonlyMap<string, number> {
  const values = new Map(graph.inputs.map((port) => [port.name, port.value]));
  const old = vectors.map(({ input }) => values.get(input) as Value);
  const sizes = old.map(({ shape }) => shape[0] as number);
  const offsets = new Map<string, number>();
  let total = 0;
  vectors.forEach(({ input }, i) => {
    offsets.set(input, total);
    total += sizes[i] as number;
  });

  graph.inputs = graph.inputs.filter((port) => !offsets.has(port.name));
  const joined = graph.input(whole.input, [total]);
  const nodes = graph.nodes;
  graph.nodes = [];
  const parts = graph.addMany(
    "Split",
    [joined],
    { axis: 0, split: sizes },
    sizes.map((size) => ({ shape: [size], dtype: "float32" })),
  );
  graph.nodes.push(...nodes);
  const replaced = new Map(old.map((value, i) => [value, parts[i] as Value]));
  for (const node of nodes) node.inputs = node.inputs.map((v) => v && (replaced.get(v) ?? v));

  const outputs = new Map(graph.outputs.map((port) => [port.name, replaced.get(port.value) ?? port.value]));
  const next = vectors.flatMap(({ output }) => (output === undefined ? [] : [outputs.get(output) as Value]));
  for (const { output } of vectors) if (output !== undefined) outputs.delete(output);
  if (next.length > 0) outputs.set(whole.output as string, concat(graph, next, 0));
  graph.outputs = [...outputs].map(([key, value]) => ({ name: key, value }));
  return offsets;
}
