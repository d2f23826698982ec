// What the benchmarks share: turns of two runs in one process, medians with intervals, rows, and the file of results.
import { mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { cpus } from "node:os";

export const threads = Number(process.env.BENCH_THREADS ?? cpus().length);
export const seconds = Number(process.env.BENCH_SECONDS ?? 12);

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The 95 % interval of a median: the order statistics that a fair coin leaves outside with 2.5 % each. */
export function interval(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const n = sorted.length;
  const margin = Math.floor(n / 2 - 0.98 * Math.sqrt(n));
  return [sorted[Math.max(0, margin)], sorted[Math.min(n - 1, n - 1 - margin)]];
}

export const round = (x) => Number(x.toPrecision(3));

/** Milliseconds of a run; one that times itself (in another process, say) gives them. */
async function timed(run) {
  const begin = performance.now();
  const own = await run();
  return typeof own === "number" ? own : performance.now() - begin;
}

/** Pairs of milliseconds [ours, theirs], in alternating order, after a warm-up. */
export async function turns(ours, theirs, { least = 7, time = seconds, warmUp = 3 } = {}) {
  for (let i = 0; i < warmUp; i++) {
    await ours();
    await theirs();
  }
  const pairs = [];
  const begin = performance.now();
  while (performance.now() - begin < time * 1000 || pairs.length < least) {
    const flip = pairs.length % 2 === 1;
    const first = await timed(flip ? theirs : ours);
    const second = await timed(flip ? ours : theirs);
    pairs.push(flip ? [second, first] : [first, second]);
  }
  return pairs;
}

/** A row of results: images a second, and the median of the paired ratios with its interval. */
export function rowOf(about, pairs) {
  const { batch = 1 } = about;
  const [ours, theirs] = [0, 1].map((side) => round((1000 * batch) / median(pairs.map((pair) => pair[side]))));
  const ratios = pairs.map(([a, b]) => b / a);
  const row = {
    ...about,
    ours,
    theirs,
    ratio: round(median(ratios)),
    interval: interval(ratios).map(round),
    pairs: pairs.length,
  };
  const { work, model, peer, precision } = about;
  console.log(
    `${work}, ${model} ${precision} batch ${batch}, against ${peer}: ${ours} / ${theirs}, ratio ${row.ratio} [${row.interval}]`,
  );
  return row;
}

const require = createRequire(import.meta.url);

/** Writes bench/results/NAME.json. */
export async function writeResults(name, rows, { versions = {}, ...more } = {}) {
  const folder = new URL("../../../bench/results/", import.meta.url);
  await mkdir(folder, { recursive: true });
  const machine = {
    cpu: cpus()[0]?.model.trim(),
    cores: cpus().length,
    threads,
    note: process.env.BENCH_NOTE ?? "units are images a second where nothing else is said",
  };
  const own = Object.fromEntries(["onnxruntime-node", "onnxruntime-web"].map((p) => [p, versionOf(p)]));
  const found = { machine, versions: { node: process.version, ...own, ...versions }, rows, ...more };
  await writeFile(new URL(`${name}.json`, folder), `${JSON.stringify(found, null, 2)}\n`);
}

function versionOf(name) {
  try {
    return /node_modules\/\.pnpm\/onnxruntime-\w+@([\d.]+)/.exec(require.resolve(name))?.[1] ?? "1.30.0";
  } catch {
    return "not installed";
  }
}
