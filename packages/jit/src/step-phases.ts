/**
 * A step's graph as two that run one after the other: what finds loss and gradients, and what updates by them. Between the two
 * the session looks whether the gradients are finite; after that nobody reads the old state but the update itself, whose new
 * values may be written over the old ones: a copy of all parameters and slots less than with one graph.
 */
import { Graph, type Node, type Port, readersOf, sameShape, type Value } from "./ir.ts";

export interface StepPhases {
  readonly gradient: Graph;
  readonly update: Graph;
  /** State inputs whose next value may be written where they lie. */
  readonly inPlace: readonly string[];
}

/** How names begin of what one half hands to the other and nobody else sees (session.js). */
export const CROSSING = "crossing.";

/**
 * Cuts the graph where the input `gate` comes in (the clip bound): outputs that depend on it are the update's.
 * @param carry state input -> the output that is its next value
 */
export function splitStep(graph: Graph, gate: string, carry: Readonly<Record<string, string>>): StepPhases {
  const gated = dependents(graph, gate);
  const isGated = ({ value }: Port) => value.producer !== undefined && gated.has(value.producer);
  const first = graph.outputs.filter((port) => !isGated(port));
  const last = graph.outputs.filter(isGated);
  const early = ancestors(first.map(({ value }) => value));

  const crossing = new Map<Value, Port>();
  const late = new Set<Node>();
  const visit = (v: Value | undefined): void => {
    const node = v?.producer;
    if (!v || !node || late.has(node)) return;
    if (early.has(node) && !isCheap(node)) {
      const known = first.find(({ value }) => value === v);
      if (!crossing.has(v)) crossing.set(v, known ?? { name: `${CROSSING}${crossing.size}`, value: v });
      return;
    }
    late.add(node);
    for (const input of node.inputs) visit(input);
  };
  for (const { value } of last) visit(value);

  const ports = [...crossing.values()];
  const shown = ports.filter((port) => !first.includes(port));
  const gradient = part(graph, early, [...first, ...shown], []);
  const update = part(graph, late, last, ports);
  return { gradient, update, inPlace: overwritable(update, carry) };
}

/** Cheaper to do again than to keep: views, squares (of each gradient, for the norm of all), and joined vectors of state taken apart. */
const isCheap = ({ op, inputs }: Node): boolean =>
  op === "Reshape" || (op === "Mul" && inputs[0] === inputs[1]) || (op === "Split" && !inputs[0]?.producer);

/** Nodes that depend on an input. */
function dependents(graph: Graph, input: string): ReadonlySet<Node> {
  const values = new Set(graph.inputs.filter(({ name }) => name === input).map(({ value }) => value));
  const nodes = new Set<Node>();
  for (const node of graph.nodes) {
    if (!node.inputs.some((v) => v && values.has(v))) continue;
    nodes.add(node);
    for (const v of node.outputs) values.add(v);
  }
  return nodes;
}

/** Nodes that some values depend on, their own among them. */
function ancestors(values: readonly Value[]): Set<Node> {
  const nodes = new Set<Node>();
  const open = [...values];
  for (let v = open.pop(); v; v = open.pop()) {
    if (!v.producer || nodes.has(v.producer)) continue;
    nodes.add(v.producer);
    for (const input of v.producer.inputs) if (input) open.push(input);
  }
  return nodes;
}

/** The nodes of one part, in their order, and the inputs that they read. */
function part(graph: Graph, nodes: ReadonlySet<Node>, outputs: readonly Port[], more: readonly Port[]): Graph {
  const result = new Graph();
  result.nodes = graph.nodes.filter((node) => nodes.has(node));
  const read = new Set<Value | undefined>(result.nodes.flatMap(({ inputs }) => inputs));
  for (const { value } of outputs) read.add(value);
  result.inputs = [...graph.inputs, ...more].filter(({ value }) => read.has(value));
  result.outputs = [...outputs];
  return result;
}

/** Ops that read each value before they write the one in its place, and no other after. */
const pointwise = new Set(["Add", "Sub", "Mul"]);
/** Ops whose result may be their operand's memory. */
const views = new Set(["Reshape", "Identity"]);

/** Inputs that are read for the last time before, or while, their next value is written. */
function overwritable(update: Graph, carry: Readonly<Record<string, string>>): string[] {
  const readers = readersOf(update);
  const outputs = new Map(update.outputs.map(({ name, value }) => [name, value]));
  const given = new Set(outputs.values());
  const throughViews = (v: Value): readonly Node[] =>
    (readers.get(v) ?? []).flatMap((node) =>
      views.has(node.op) ? [node, ...throughViews(node.outputs[0] as Value)] : [node],
    );
  return Object.entries(carry).flatMap(([input, output]) => {
    const value = update.inputs.find(({ name }) => name === input)?.value;
    const next = outputs.get(output);
    const producer = next?.producer;
    if (!value || !next || !producer) return [];
    const before = ancestors(producer.inputs.filter((v) => v !== undefined));
    const all = throughViews(value);
    const fits = all.every((node) => {
      if (node === producer)
        return pointwise.has(node.op) && node.inputs.every((v) => v && sameShape(v.shape, next.shape));
      return before.has(node) && !(views.has(node.op) && given.has(node.outputs[0] as Value));
    });
    return fits ? [input] : [];
  });
}
