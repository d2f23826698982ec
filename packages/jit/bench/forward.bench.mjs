// Forward passes, fp32: our graph against torch's own ONNX export in the same ONNX Runtime, and against tfjs's wasm backend.
//   node packages/jit/bench/forward.bench.mjs [MODEL...]      (npx tsup first; PYTHON names an interpreter with torch, timm and onnx)
// Both sides take turns in one process, after a warm-up; medians of the turns, and the median of the paired ratios with its
// interval of 95 % (from the order statistics of the pairs).
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createModel } from "@vitrail/layers";
import { resnetModels } from "@vitrail/resnet";
import { createRng, tensor4d, useBackend } from "@vitrail/tensor";
import { vitModels } from "@vitrail/vit";
import ort from "onnxruntime-node";
import { exportOnnx, hostTensors } from "../dist/index.js";

const models = { ...resnetModels, ...vitModels };
const asked = process.argv.slice(2).filter((name) => name in models);
const names = asked.length > 0 ? asked : ["vit_tiny_patch16_224", "resnet18", "resnet50", "vit_base_patch16_224"];
const python = process.env.PYTHON;
const results = new URL("../../../bench/results/", import.meta.url);
const folder = process.env.BENCH_FOLDER ?? (await mkdtemp(join(tmpdir(), "vitrail-bench-")));
const SECONDS = Number(process.env.BENCH_SECONDS ?? 12);
const threads = Number(process.env.BENCH_THREADS ?? cpus().length);

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** The 95 % interval of a median: the order statistics that a fair coin leaves outside with 2.5 % each. */
function interval(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const n = sorted.length;
  const margin = Math.floor(n / 2 - 0.98 * Math.sqrt(n));
  return [sorted[Math.max(0, margin)], sorted[Math.min(n - 1, n - 1 - margin)]];
}

const round = (x) => Number(x.toPrecision(3));
const timed = async (run) => {
  const begin = performance.now();
  await run();
  return performance.now() - begin;
};

/** Turns of two runs, in alternating order. */
async function turns(ours, theirs, seconds, least = 7) {
  for (let i = 0; i < 3; i++) {
    await ours();
    await theirs();
  }
  const pairs = [];
  const begin = performance.now();
  while (performance.now() - begin < seconds * 1000 || pairs.length < least) {
    const flip = pairs.length % 2 === 1;
    const first = await timed(flip ? theirs : ours);
    const second = await timed(flip ? ours : theirs);
    pairs.push(flip ? [second, first] : [first, second]);
  }
  return pairs;
}

function row(work, model, peer, batch, pairs) {
  const [a, b] = [0, 1].map((side) => (1000 * batch) / median(pairs.map((pair) => pair[side])));
  const ratios = pairs.map(([x, y]) => y / x);
  const found = {
    work,
    model,
    peer,
    batch,
    precision: "fp32",
    ours: round(a),
    theirs: round(b),
    ratio: round(median(ratios)),
    interval: interval(ratios).map(round),
    pairs: pairs.length,
  };
  console.log(
    `${model} batch ${batch} against ${peer}: ${found.ours} / ${found.theirs} img/s, ratio ${found.ratio} [${found.interval}]`,
  );
  return found;
}

await useBackend("wasm");
if (python)
  await promisify(execFile)(python, [
    "-W",
    "ignore",
    fileURLToPath(new URL("export.py", import.meta.url)),
    folder,
    ...names,
  ]);
else console.log("torch's exports: skipped, PYTHON names no interpreter");
const rows = [];
for (const name of names) {
  const model = hostTensors(() => createModel(models[name]));
  const file = join(folder, `ours-${name}.onnx`);
  const begin = performance.now();
  await exportOnnx(model, file, { input: [null, 224, 224, 3], runtime: "onnxruntime" });
  const written = performance.now() - begin;
  const options = { intraOpNumThreads: threads };
  const ours = await ort.InferenceSession.create(file, options);
  console.log(
    `${name}: traced and written in ${written.toFixed(0)} ms, a session after ${(performance.now() - begin).toFixed(0)} ms`,
  );
  const theirs = python ? await ort.InferenceSession.create(join(folder, `${name}.onnx`), options) : undefined;
  for (const batch of [1, 8]) {
    const values = createRng(1).normal(batch * 224 * 224 * 3);
    const nhwc = { input: new ort.Tensor("float32", values, [batch, 224, 224, 3]) };
    const nchw = { input: new ort.Tensor("float32", values, [batch, 3, 224, 224]) };
    if (theirs) {
      const pairs = await turns(
        () => ours.run(nhwc),
        () => theirs.run(nchw),
        SECONDS,
      );
      rows.push(row("forward", name, "torch's ONNX export, same ONNX Runtime", batch, pairs));
    }
    if (process.env.BENCH_TFJS !== "no" && (name.includes("tiny") || name === "resnet18")) {
      const x = tensor4d(values, [batch, 224, 224, 3]);
      const eager = async () => {
        const y = model.forward(x);
        await y.data();
        y.dispose();
      };
      const pairs = await turns(() => ours.run(nhwc), eager, SECONDS, 3);
      rows.push(row("forward", name, "tfjs wasm", batch, pairs));
      x.dispose();
    }
  }
  await ours.release();
  await theirs?.release();
  model.dispose();
}
if (!process.env.BENCH_FOLDER) await rm(folder, { recursive: true });
await mkdir(results, { recursive: true });
const machine = {
  cpu: cpus()[0]?.model.trim(),
  cores: cpus().length,
  threads,
  note: "other work may run on it; units are images a second",
};
const versions = {
  node: process.version,
  "onnxruntime-node": "1.30.0",
  "@tensorflow/tfjs-backend-wasm": "4.22.0",
  torch: "2.13.0",
};
await writeFile(new URL("jit-forward.json", results), `${JSON.stringify({ machine, versions, rows }, null, 2)}\n`);
