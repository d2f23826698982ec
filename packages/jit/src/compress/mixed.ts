/** Which layers may compute in eight bits: found by measuring, one by one. */
import { openGraph } from "../graph-session.ts";
import type { Graph, Node } from "../ir.ts";
import type { EngineOptions } from "../runtime/engine.ts";
import type { HostTensor } from "../runtime/protocol.ts";
import { divergence, topOf } from "./agreement.ts";
import { type Int8Plan, toInt8 } from "./int8.ts";
import type { Layer } from "./layers.ts";

/** Images on which single layers are measured: each layer needs a session of its own. */
const PROBES = 16;

/** A classifier's answers to batches. */
export interface Answers {
  readonly logits: Float32Array;
  readonly classes: number;
  /** The most probable class of each image. */
  readonly top: readonly number[];
}

/** Runs a graph of one input over batches; its first output is taken. */
export async function answersOf(
  graph: Graph,
  batches: readonly HostTensor[],
  options: EngineOptions,
): Promise<Answers> {
  const session = await openGraph(graph, options);
  try {
    const parts: Float32Array[] = [];
    let classes = 1;
    for (const batch of batches) {
      const outputs = await session.run({ [graph.inputs[0]?.name as string]: batch });
      const logits = outputs[graph.outputs[0]?.name as string] as HostTensor;
      classes = logits.dims.at(-1) ?? 1;
      parts.push(logits.data as Float32Array);
    }
    const logits = new Float32Array(parts.reduce((n, part) => n + part.length, 0));
    let at = 0;
    for (const part of parts) {
      logits.set(part, at);
      at += part.length;
    }
    return { logits, classes, top: topOf(logits, classes) };
  } finally {
    await session.close();
  }
}

/** The layers in the order in which to keep them in fp32: first the one whose rounding costs most for what it saves. */
export async function bySensitivity(
  graph: Graph,
  layers: readonly Layer[],
  plan: Int8Plan,
  batches: readonly HostTensor[],
  options: EngineOptions,
): Promise<Layer[]> {
  const probes = firstImages(batches, PROBES);
  const reference = await answersOf(graph, probes, options);
  const harm = new Map<Layer, number>();
  for (const layer of layers) {
    const alone = { ...plan, layers: new Map([...plan.layers].filter(([node]) => node === layer.node)) };
    const found = await answersOf(toInt8(graph, alone), probes, options);
    harm.set(layer, divergence(reference.logits, found.logits, reference.classes) / layer.macs);
  }
  return [...layers].sort((a, b) => (harm.get(b) as number) - (harm.get(a) as number));
}

/** The first images of batches, as batches. */
function firstImages(batches: readonly HostTensor[], count: number): HostTensor[] {
  const found: HostTensor[] = [];
  let left = count;
  for (const { dims, data, type } of batches) {
    const take = Math.min(left, dims[0] as number);
    if (take === 0) break;
    found.push({
      type,
      dims: [take, ...dims.slice(1)],
      data: data.slice(0, (data.length / (dims[0] as number)) * take),
    });
    left -= take;
  }
  return found;
}

/** A plan without the layers that stay in fp32. */
export function without(plan: Int8Plan, kept: readonly Layer[]): Int8Plan {
  const nodes = new Set<Node>(kept.map(({ node }) => node));
  return { ...plan, layers: new Map([...plan.layers].filter(([node]) => !nodes.has(node))) };
}

/** A plan with some products rounded row by row. */
export function byRows(plan: Int8Plan, layers: readonly Layer[]): Int8Plan {
  return { ...plan, layers: new Map([...plan.layers, ...layers.map(({ node }) => [node, "rows"] as const)]) };
}

/**
 * How many of an order, from the front and at least one, must be treated with care for `agrees` to hold, by halving; undefined where not even
 * all are enough.
 */
export async function fewest(total: number, agrees: (count: number) => Promise<boolean>): Promise<number | undefined> {
  if (total === 0 || !(await agrees(total))) return undefined;
  let [low, high] = [1, total];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (await agrees(middle)) high = middle;
    else low = middle + 1;
  }
  return high;
}
