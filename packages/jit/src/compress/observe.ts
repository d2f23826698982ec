/** What values a graph's tensors take on real inputs. */
import { reduce } from "../build.ts";
import type { GraphSession } from "../graph-session.ts";
import { Graph, type Value } from "../ir.ts";
import type { HostTensor } from "../runtime/protocol.ts";
import type { Range } from "./int8.ts";

/** A graph of the same nodes that gives more outputs. */
export function watching(graph: Graph, outputs: (g: Graph) => readonly { name: string; value: Value }[]): Graph {
  const copy = new Graph(graph.batch);
  copy.inputs = graph.inputs;
  copy.nodes = [...graph.nodes];
  copy.outputs = [...graph.outputs, ...outputs(copy)];
  return copy;
}

/** Bins of the histograms by which a range is cut. */
const BINS = 2048;
/** Parts of the whole range that are tried. */
const cuts = (): number[] => Array.from({ length: 24 }, (_, i) => 1 - i * 0.035);

/**
 * The range of each value by which rounding to 256 steps errs least in the mean square over all batches: a few outliers are cut
 * off where that makes everything else finer. Two passes: the extremes, then histograms between them.
 */
export async function observeRanges(
  graph: Graph,
  values: readonly Value[],
  batches: readonly HostTensor[],
  open: (graph: Graph) => Promise<GraphSession>,
): Promise<Map<Value, Range>> {
  const nameOf = (i: number, what: string) => `${what}${i}`;
  const extremes = watching(graph, (g) =>
    values.flatMap((v, i) => {
      const axes = v.shape.map((_, axis) => axis);
      return (["ReduceMin", "ReduceMax"] as const).map((op) => ({
        name: nameOf(i, op),
        value: reduce(g, op, v, axes, false),
      }));
    }),
  );
  const ranges = values.map(() => ({ low: 0, high: 0 }));
  await overBatches(extremes, batches, open, (outputs) => {
    ranges.forEach((range, i) => {
      range.low = Math.min(range.low, Number(outputs[nameOf(i, "ReduceMin")]?.data[0]));
      range.high = Math.max(range.high, Number(outputs[nameOf(i, "ReduceMax")]?.data[0]));
    });
  });
  const histograms = values.map(() => new Float64Array(BINS));
  const whole = watching(graph, () => values.map((value, i) => ({ name: nameOf(i, "value"), value })));
  await overBatches(whole, batches, open, (outputs) => {
    for (const [i, histogram] of histograms.entries()) {
      const { low, high } = ranges[i] as Range;
      count(histogram, outputs[nameOf(i, "value")]?.data as Float32Array, low, high);
    }
  });
  return new Map(values.map((v, i) => [v, bestRange(histograms[i] as Float64Array, ranges[i] as Range)]));
}

/** Runs a graph over batches and shows the outputs of each. */
export async function overBatches(
  graph: Graph,
  batches: readonly HostTensor[],
  open: (graph: Graph) => Promise<GraphSession>,
  take: (outputs: Readonly<Record<string, HostTensor>>) => void,
): Promise<void> {
  const session = await open(graph);
  try {
    for (const batch of batches) take(await session.run({ [graph.inputs[0]?.name as string]: batch }));
  } finally {
    await session.close();
  }
}

function count(histogram: Float64Array, data: Float32Array, low: number, high: number): void {
  const perUnit = BINS / (high - low || 1);
  for (let i = 0; i < data.length; i++) {
    const bin = Math.min(BINS - 1, Math.floor(((data[i] as number) - low) * perUnit));
    histogram[bin] = (histogram[bin] as number) + 1;
  }
}

/** The cut of a range with the least mean square error. */
export function bestRange(histogram: Float64Array, { low, high }: Range): Range {
  let best: Range = { low, high };
  let least = Number.POSITIVE_INFINITY;
  const width = (high - low) / histogram.length;
  for (const below of low < 0 ? cuts() : [1]) {
    for (const above of high > 0 ? cuts() : [1]) {
      // one-sided ranges have one end to cut; of two-sided ones both go together, or one alone
      if (low < 0 && high > 0 && below !== above && below !== 1 && above !== 1) continue;
      const cut = { low: low * below, high: high * above };
      const step = (cut.high - cut.low) / 255 || 1;
      let error = 0;
      for (let bin = 0; bin < histogram.length; bin++) {
        const n = histogram[bin] as number;
        if (n === 0) continue;
        const v = low + (bin + 0.5) * width;
        const outside = v < cut.low ? cut.low - v : v > cut.high ? v - cut.high : 0;
        error += n * (outside > 0 ? outside * outside : (step * step) / 12);
      }
      if (error < least) {
        least = error;
        best = cut;
      }
    }
  }
  return best;
}
