// What the benchmarks share: turns of two runs, medians with intervals, peak memory, rows, and the file of results.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";

/** A note of results: what their units are. */
export const RATES = "units are images a second where nothing else is said";
export const threads = Number(process.env.BENCH_THREADS ?? cpus().length);
/**
 * Of ONNX Runtime's sessions that take turns, as those of @vitrail/jit's worker have it: threads that look for work after a run would take
 * a processor from whoever is next.
 */
export const sessionOptions = { intraOpNumThreads: threads, extra: { session: { force_spinning_stop: "1" } } };
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

/**
 * Pairs of milliseconds [ours, theirs], in alternating order, after a warm-up. `rest`: milliseconds before each run, in which threads of
 * the other process stop to look for work. `after`: what else is measured, after each pair.
 */
export async function turns(ours, theirs, { least = 7, time = seconds, warmUp = 3, rest = 0, after = () => {} } = {}) {
  for (let i = 0; i < warmUp; i++) {
    await ours();
    await theirs();
  }
  const pairs = [];
  const begin = performance.now();
  while (performance.now() - begin < time * 1000 || pairs.length < least) {
    const flip = pairs.length % 2 === 1;
    if (rest > 0) await setTimeout(rest);
    const first = await timed(flip ? theirs : ours);
    if (rest > 0) await setTimeout(rest);
    const second = await timed(flip ? ours : theirs);
    pairs.push(flip ? [second, first] : [first, second]);
    await after();
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

/** MiB. Not `resourceUsage().maxRSS` where there is better: on Linux that begins with the parent's. */
export function peakMemory() {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]) / 1024;
  } catch {
    return process.resourceUsage().maxRSS / 1024;
  }
}

const root = new URL("../../", import.meta.url);

/** The processor's widest vectors, which decide what a matrix product costs; where it does not say, its architecture. */
function vectorsHere() {
  try {
    const flags = readFileSync("/proc/cpuinfo", "utf8");
    if (/\bavx512f\b/.test(flags)) return "AVX-512";
    if (/\bavx2\b/.test(flags)) return "AVX2";
  } catch {} // not Linux
  return process.arch;
}
const vectors = vectorsHere();

/** Where ratios differ from one kind of processor to the next, each has a file: NAME is the one of AVX-512. */
export const forVectors = (name) => (vectors === "AVX-512" ? name : `${name}-${vectors.toLowerCase()}`);

/** The commit that is measured; undefined outside of git. */
function commit() {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: root, encoding: "utf8", stdio: "pipe" }).trim();
  } catch {
    return undefined;
  }
}

/** Versions of packages as the module at `from` (its `import.meta.url`) finds them. */
export function versionsOf(names, from) {
  const require = createRequire(from);
  return Object.fromEntries(names.map((name) => [name, versionOf(require.resolve(name), name)]));
}

function versionOf(file, name) {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    try {
      const found = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      if (found.name === name) return found.version;
    } catch {} // no package.json here
  }
  return undefined;
}

/**
 * Writes bench/results/NAME.json.
 * @param versions of what was measured beside Node itself
 * @param note what a reader must know of the rows, where BENCH_NOTE says nothing else; `more` stands beside them
 */
export function writeResults(name, rows, { versions = {}, threads: used, note: units, ...more } = {}) {
  const note = process.env.BENCH_NOTE ?? units;
  const machine = {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    vectors,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    ...(used === undefined ? {} : { threads: used }),
    ...(note === undefined ? {} : { note }),
  };
  const report = { machine, versions: { commit: commit(), node: process.version, ...versions }, rows, ...more };
  mkdirSync(new URL("bench/results/", root), { recursive: true });
  writeFileSync(new URL(`bench/results/${name}.json`, root), `${JSON.stringify(report, null, 2)}\n`);
}
