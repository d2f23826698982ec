// Forward passes: against torch's own ONNX export in the same ONNX Runtime, PyTorch eager, tfjs's wasm backend, this machine's
// matrix-multiply peak, and our own fp32 in int8; and the time from a model to its first session.
//   npm run bench -- jit-forward          VITRAIL_PYTHON names an interpreter with torch, timm and onnx; without it those rows are left out
// BENCH_ONLY=torch,pytorch,dynamo,peak,web,int8,compile takes some of them; MODELS=a,b some models; BENCH_SECONDS (12) is the time of a row.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  forVectors,
  median,
  RATES,
  round,
  rowOf,
  sessionOptions,
  threads,
  turns,
  versionsOf,
  writeResults,
} from "@repo/bench";
import { createModel } from "@vitrail/layers";
import { resnetModels } from "@vitrail/resnet";
import { createRng, tensor4d } from "@vitrail/tensor";
import { vitModels } from "@vitrail/vit";
import ort from "onnxruntime-node";
import { compile, exportOnnx, hostTensors, quantize } from "../dist/index.js";
import { peakProduct } from "./peak.mjs";
import { wasmKernels } from "./peers/tfjs-wasm.mjs";
import { eagerTorch, exportModels, python } from "./torch.mjs";

const models = { ...resnetModels, ...vitModels };
const all = ["vit_tiny_patch16_224", "resnet18", "resnet50", "vit_base_patch16_224"];
const names = process.env.MODELS ? process.env.MODELS.split(",") : all;
const parts = (process.env.BENCH_ONLY ?? "torch,pytorch,dynamo,peak,web,int8,compile").split(",");
const wants = (part) => parts.includes(part);
const folder = process.env.BENCH_FOLDER ?? (await mkdtemp(join(tmpdir(), "vitrail-bench-")));
const GMACS = { vit_tiny_patch16_224: 1.26, vit_base_patch16_224: 17.58, resnet18: 1.82, resnet50: 4.11 };

const make = (name) => hostTensors(() => createModel(models[name]));
const values = (batch) => createRng(1).normal(batch * 224 * 224 * 3);
const input = [null, 224, 224, 3];
const wasm = await wasmKernels();
const rows = [];
const versions = {};

/**
 * Our graph: a ResNet's in the session that `compile` opens, which alone knows the processor's blocks, the way to its thread and back
 * included; others' in one of this thread, with the fused ops that `compile` uses.
 */
async function ourSession(name, batch) {
  const model = make(name);
  const data = values(batch);
  if (name.startsWith("resnet")) {
    const compiled = await compile(model, { input, engine: "ort", threads });
    model.dispose();
    return { run: () => compiled.run(data), release: () => compiled.dispose() };
  }
  const file = join(folder, `ours-${name}.onnx`);
  await exportOnnx(model, file, { input, runtime: "onnxruntime" });
  model.dispose();
  const session = await ort.InferenceSession.create(file, sessionOptions);
  const nhwc = { input: new ort.Tensor("float32", data, [batch, 224, 224, 3]) };
  return { run: () => session.run(nhwc), release: () => session.release() };
}

const feeds = (batch, layout) => ({
  input: new ort.Tensor("float32", values(batch), layout === "nhwc" ? [batch, 224, 224, 3] : [batch, 3, 224, 224]),
});

async function againstTorchExport(name) {
  const theirs = await ort.InferenceSession.create(join(folder, `${name}.onnx`), sessionOptions);
  for (const batch of [1, 8]) {
    const ours = await ourSession(name, batch);
    const nchw = feeds(batch, "nchw");
    const pairs = await turns(
      async () => void (await ours.run()),
      async () => void (await theirs.run(nchw)),
    );
    const peer = "torch's ONNX export, same ONNX Runtime";
    rows.push(rowOf({ work: "forward", model: name, peer, batch, precision: "fp32" }, pairs));
    await ours.release();
  }
  await theirs.release();
}

/** Convolutions are slower or faster with channels last; what has next to none is measured as it comes, in NCHW. */
const layoutsOf = (name) => (name.startsWith("resnet") ? ["nchw", "nhwc"] : ["nchw"]);

async function againstPyTorch(name, batch, mode = "eager") {
  const ours = await ourSession(name, batch);
  const peer = mode === "eager" ? "PyTorch eager" : "torch.compile";
  let torch;
  try {
    torch = await eagerTorch(name, batch, threads, mode);
    versions.torch = torch.version;
    for (const layout of layoutsOf(name)) {
      const pairs = await turns(
        async () => void (await ours.run()),
        () => torch.run(layout),
        { rest: 50 },
      );
      const about = { work: "forward", model: name, peer: layout === "nhwc" ? `${peer}, channels-last` : peer };
      rows.push(rowOf({ ...about, batch, precision: "fp32" }, pairs));
    }
  } catch (error) {
    console.log(`${peer}: skipped, ${error.message}`);
  } finally {
    await torch?.close();
  }
  await ours.release();
}

async function againstPeak(name, batch) {
  const peak = await peakProduct();
  const ours = await ourSession(name, batch);
  const pairs = await turns(async () => void (await ours.run()), peak.run);
  const gflops = (2 * GMACS[name] * batch * 1000) / median(pairs.map(([ms]) => ms));
  const most = (peak.gflop * 1000) / median(pairs.map(([, ms]) => ms));
  const fractions = pairs.map(([a, b]) => ((2 * GMACS[name] * batch) / a) * (b / peak.gflop));
  const about = { work: "forward, GFLOP/s", model: name, peer: "MatMul 2048³ of two inputs", batch, precision: "fp32" };
  rows.push({
    ...about,
    ours: round(gflops),
    theirs: round(most),
    ratio: round(median(fractions)),
    pairs: pairs.length,
  });
  console.log(about.work, name, "batch", batch, round(gflops), "of", round(most), "GFLOP/s:", round(median(fractions)));
  await ours.release();
  await peak.release();
}

async function webAgainstTfjs(name, batch) {
  const model = createModel(models[name]);
  const compiled = await compile(model, { input, engine: "ort-web", threads });
  const data = values(batch);
  const x = tensor4d(data, [batch, 224, 224, 3]);
  const eager = async () => {
    const y = model.forward(x);
    await y.data();
    y.dispose();
  };
  // Ours differ from tfjs's own in batches of products and transposed ones: a ResNet's forward pass has none.
  for (const kernels of name.startsWith("vit") ? ["published", "ours"] : ["published"]) {
    wasm.take(kernels);
    const pairs = await turns(async () => void (await compiled.run(data)), eager, { least: 5 });
    const peer = kernels === "ours" ? "tfjs wasm with @vitrail/tensor's kernels" : "tfjs wasm";
    rows.push(rowOf({ work: "forward on onnxruntime-web", model: name, peer, batch, precision: "fp32" }, pairs));
  }
  x.dispose();
  await compiled.dispose();
  model.dispose();
}

/** Speed only, on random weights and noise: int8.bench.mjs judges answers on real ones. */
async function int8AgainstFp32(name, batch) {
  const model = make(name);
  const small = await quantize(model, { input, calibration: [values(4)], agreement: 0 });
  const file = join(folder, `int8-${name}.onnx`);
  await exportOnnx(small, file);
  model.dispose();
  const [int8, fp32] = [await ort.InferenceSession.create(file, sessionOptions), await ourSession(name, batch)];
  const nhwc = feeds(batch, "nhwc");
  const pairs = await turns(
    async () => void (await int8.run(nhwc)),
    async () => void (await fp32.run()),
  );
  rows.push(
    rowOf({ work: "forward, all layers in int8", model: name, peer: "our fp32", batch, precision: "int8" }, pairs),
  );
  await int8.release();
  await fp32.release();
}

async function timeToSession(name) {
  const times = [];
  for (let i = 0; i < 4; i++) {
    const model = make(name);
    const begin = performance.now();
    const compiled = await compile(model, { input, engine: "ort", threads });
    times.push(performance.now() - begin);
    await compiled.dispose();
    model.dispose();
  }
  const ours = round(median(times.slice(1)) / 1000);
  console.log(`trace + compile, ${name}: ${ours} s, the first time ${round(times[0] / 1000)} s`);
  const about = { work: "trace + compile, seconds", model: name, peer: "–", batch: null, precision: "fp32" };
  rows.push({ ...about, ours, theirs: null, ratio: null, first: round(times[0] / 1000) });
}

const each = async (part, list, run) => {
  if (!wants(part)) return;
  for (const [name, ...more] of list) if (names.includes(name)) await run(name, ...more);
};
const [tiny, r18, r50, base] = all;
if (python && wants("torch")) await exportModels(folder, names);
if (!python) console.log("PyTorch: skipped, VITRAIL_PYTHON names no interpreter");
if (python)
  await each(
    "torch",
    all.map((name) => [name]),
    againstTorchExport,
  );
const asInTable = [
  [r50, 8],
  [r18, 8],
  [tiny, 8],
  [base, 1],
];
if (python) await each("pytorch", asInTable, againstPyTorch);
if (python) await each("dynamo", asInTable, (name, batch) => againstPyTorch(name, batch, "compile"));
await each(
  "peak",
  [
    [base, 1],
    [base, 8],
  ],
  againstPeak,
);
await each(
  "web",
  [
    [tiny, 8],
    [tiny, 1],
    [r18, 8],
  ],
  webAgainstTfjs,
);
await each(
  "int8",
  [
    [r50, 8],
    [base, 1],
    [tiny, 8],
  ],
  int8AgainstFp32,
);
await each("compile", [[base], [tiny]], timeToSession);
if (!process.env.BENCH_FOLDER) await rm(folder, { recursive: true });
const name = parts.length === 7 && names.length === 4 ? "jit-forward" : `jit-forward-${parts.join("-")}`;
const packages = versionsOf(["onnxruntime-node", "onnxruntime-web"], import.meta.url);
writeResults(forVectors(name), rows, {
  versions: { ...packages, "@tensorflow/tfjs-backend-wasm": "4.22.0", ...versions },
  threads,
  note: RATES,
});
process.exit(0);
