/**
 * npm run fuzz -- [files = 100000] [seed = 1] [kind ...]        (or node packages/checkpoint/fuzz/main.mjs, once built)
 *
 * Changed files of every kind, each read to the last tensor: what comes out is sound or an error of ours in one line; nothing
 * else is thrown, no file takes a second of CPU, and memory stays within bounds. Ends with 1 and the file in base64 at the
 * first that breaks this. A million files or more are recorded in bench/results/checkpoint-fuzz.json.
 */
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { kinds } from "./kinds.mjs";
import { Random } from "./random.mjs";

const MOST_CPU = 1000; // ms a file; not the clock: a busy machine is no hang
const MOST_MEMORY = 1024; // MiB, all in all
const MOST_SILENCE = 120_000; // ms after which one file counts as a hang
const RECORDED = 1_000_000;

if (isMainThread) watch();
else fuzz(workerData);

/** Runs the files in a thread of their own: one that never ends can be seen from here only. */
function watch() {
  const [files = 100_000, seed = 1, ...names] = process.argv
    .slice(2)
    .map((arg) => (/^\d+$/.test(arg) ? Number(arg) : arg));
  const chosen = names.length > 0 ? names : Object.keys(kinds);
  for (const name of chosen) {
    if (Object.hasOwn(kinds, name)) continue;
    console.error(`there is no kind ${name}; there are ${Object.keys(kinds).join(", ")}`);
    process.exit(1);
  }
  const done = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { files, seed, chosen, done } });
  let before = -1;
  const timer = setInterval(() => {
    if (done[0] === before) {
      console.error(`file ${before} of seed ${seed} does not end`);
      process.exit(1);
    }
    before = done[0];
  }, MOST_SILENCE);
  worker.on("error", (error) => {
    console.error(error);
    process.exit(1);
  });
  worker.on("exit", (status) => {
    clearInterval(timer);
    process.exitCode = status;
  });
}

function fuzz({ files, seed, chosen, done }) {
  const counts = {};
  let slowest = 0;
  const started = performance.now();
  for (let i = 0; i < files; i++) {
    done[0] = i;
    const r = new Random(seed, i);
    const name = chosen[i % chosen.length];
    const kind = kinds[name];
    const sound = kind.sound ? kind.sound(r) : r.pick(kind.files);
    const file = r.once(50) || sound.length === 0 ? sound : kind.change(r, sound, kind.files);
    const start = process.cpuUsage();
    let outcome = "sound";
    try {
      kind.read(file);
    } catch (error) {
      if (!isOurs(error)) stop(i, name, file, error.stack);
      outcome = error.code;
    }
    counts[outcome] ??= {};
    counts[outcome][name] = (counts[outcome][name] ?? 0) + 1;
    slowest = Math.max(slowest, process.cpuUsage(start).user / 1000);
    if (slowest > MOST_CPU) stop(i, name, file, `took ${Math.round(slowest)} ms`);
    if (i % 1000 === 0 && peak() > MOST_MEMORY) stop(i, name, file, `${peak()} MiB are in use, about here`);
  }
  const seconds = Math.round((performance.now() - started) / 1000);
  console.table(counts);
  console.log(
    `${files} files in ${seconds} s, slowest ${slowest.toFixed(1)} ms, peak memory ${peak()} MiB: no crash, no hang, no over-allocation`,
  );
  if (files < RECORDED) return;
  const report = {
    command: `npm run fuzz -- ${files} ${seed}`,
    files,
    seed,
    seconds,
    slowestMs: Number(slowest.toFixed(1)),
    peakMiB: peak(),
    machine: { cpu: cpus()[0]?.model, node: process.versions.node },
    outcomes: counts,
  };
  writeFileSync(
    new URL("../../../bench/results/checkpoint-fuzz.json", import.meta.url),
    `${JSON.stringify(report, null, 2)}\n`,
  );
}

/** An error for people, by its name and not by its class: config.json's reader is another package's. */
function isOurs(error) {
  return (
    /^(Checkpoint|Hub)Error$/.test(error.name) &&
    "code" in error &&
    !/\n/.test(error.message) &&
    error.message.length <= 1000
  );
}

function peak() {
  return Math.round(process.resourceUsage().maxRSS / 1024);
}

function stop(i, name, file, why) {
  console.error(`file ${i} (${name}): ${why}\n${Buffer.from(file).toString("base64").slice(0, 20_000)}`);
  process.exit(1);
}
