import { toHwio, toOihw } from "../build.ts";
import { type Graph, sameShape, type Value } from "../ir.ts";

/** A filter that every step reads and writes: the graph's input, and the output that is its next value. */
export interface StatePorts {
  readonly input: string;
  readonly output: string | undefined;
}

const OIHW = [3, 2, 0, 1];

/**
 * Training state that convolutions read turned around is kept turned around: [out, in, kh, kw] instead of
 * [kh, kw, in, out], with everything that the optimiser remembers of it. Gives the names of the inputs that changed.
 */
export function layOutFilters(graph: Graph, groups: readonly (readonly StatePorts[])[]): ReadonlySet<string> {
  const turned = new Set<string>();
  const turnedValues = new Set<Value>();
  for (const { op, inputs, attrs } of graph.nodes) {
    if (op === "Transpose" && sameShape(attrs.perm as readonly number[], OIHW)) turnedValues.add(inputs[0] as Value);
  }
  const replaced = new Map<Value, Value>();
  const prelude: Graph["nodes"] = [];
  for (const group of groups) {
    const first = graph.inputs.find(({ name }) => name === group[0]?.input);
    if (!first || !turnedValues.has(first.value)) continue;
    for (const { input } of group) {
      const at = graph.inputs.findIndex(({ name }) => name === input);
      const old = graph.inputs[at]?.value;
      if (!old) continue;
      const [kh, kw, inputs, outputs] = old.shape as [number, number, number, number];
      const value = graph.input(input, [outputs, inputs, kh, kw], old.dtype);
      graph.inputs[at] = graph.inputs.pop() as { name: string; value: Value };
      const nodes = graph.nodes;
      graph.nodes = prelude;
      replaced.set(old, toHwio(graph, value));
      graph.nodes = nodes;
      turned.add(input);
    }
  }
  for (const node of graph.nodes) node.inputs = node.inputs.map((v) => v && (replaced.get(v) ?? v));
  graph.nodes = [...prelude, ...graph.nodes];
  const outputs = new Set(groups.flat().flatMap(({ input, output }) => (output && turned.has(input) ? [output] : [])));
  graph.outputs = graph.outputs.map(({ name, value }) => {
    const now = replaced.get(value) ?? value;
    return { name, value: outputs.has(name) ? toOihw(graph, now) : now };
  });
  return turned;
}
