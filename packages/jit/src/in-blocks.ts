/**
 * What waits until the session's processor is known. Apart from the rest, and loaded as a session opens: it is a fifth of the package, and
 * in browsers only steps need it.
 */
import { reshape } from "./build.ts";
import { type Graph, rebuilt, type Value } from "./ir.ts";
import { blockConvolutions } from "./passes/blocked.ts";
import { removeDeadCode } from "./passes/dead-code.ts";
import { CROSSING, type StepPhases } from "./step-phases.ts";

export { hasWinograd } from "./passes/blocked-winograd.ts";
export { blockConvolutions };

/**
 * The halves with their choices made, for blocks of `block` channels (passes/blocked.ts). A gradient whose choice ends in a view crosses before
 * that, and the update has the view: as a graph's output it would be a copy, on one thread. `phases` stays as it is.
 */
export function choose({ gradient, update, inPlace }: StepPhases, block: number): StepPhases {
  const early = blockConvolutions(gradient, block);
  const crossing = new Map<Value, Value>(); // what the update read, and what crosses in its place
  const given = new Set(early.outputs.map(({ value }) => value));
  early.outputs = early.outputs.map((port) => {
    const value = beforeViews(port.value);
    const read = update.inputs.find(({ name }) => name === port.name);
    if (!read || !port.name.startsWith(CROSSING) || !value.producer || given.has(value)) return port;
    given.add(value);
    crossing.set(read.value, value);
    return { name: port.name, value };
  });
  removeDeadCode(early);
  const view = (out: Graph, read: Value): Value => reshape(out, crossing.get(read) ?? read, read.shape);
  const late = rebuilt(update, () => undefined, view);
  late.inputs = update.inputs.map(({ name, value }) => ({ name, value: crossing.get(value) ?? value }));
  return { gradient: early, update: late, inPlace };
}

/** What `v` is a view of. */
function beforeViews(v: Value): Value {
  const node = v.producer;
  return node?.op === "Reshape" ? beforeViews(node.inputs[0] as Value) : v;
}
