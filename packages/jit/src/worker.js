/** The thread of a session in Node: ONNX Runtime's `run` blocks the thread that calls it. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parentPort } from "node:worker_threads";
import { serve } from "./session.js";

async function load({ engine, providers, threads }) {
  const module = engine === "ort" ? await import("onnxruntime-node") : await import("onnxruntime-web");
  const ort = module.default?.InferenceSession ? module.default : module;
  if (engine === "ort-web") {
    const lacking = providers.find((name) => name !== "cpu");
    if (lacking) throw new Error(`onnxruntime-web has no ${lacking} in Node, only cpu`);
    if (threads > 0) ort.env.wasm.numThreads = threads;
    return { ort, options: { executionProviders: ["wasm"] } };
  }
  // A provider that the build lacks is passed over in silence: ask first.
  const has = ort.listSupportedBackends().map(({ name }) => name);
  const lacking = providers.find((name) => !has.includes(name));
  if (lacking) throw new Error(`this build has no ${lacking}, only ${has.join(", ")}`);
  const limits = threads > 0 ? { intraOpNumThreads: threads, interOpNumThreads: 1 } : {};
  return { ort, options: { executionProviders: providers, ...limits } };
}

async function create(ort, { engine, model, weights, weightsName }, options) {
  if (!weights) return ort.InferenceSession.create(model, options);
  if (engine === "ort-web") {
    return ort.InferenceSession.create(model, { ...options, externalData: [{ path: weightsName, data: weights }] });
  }
  // The native runtime takes weights of a second file only from the disk.
  const folder = await mkdtemp(join(tmpdir(), "vitrail-"));
  try {
    await writeFile(join(folder, "model.onnx"), model);
    await writeFile(join(folder, weightsName), weights);
    return await ort.InferenceSession.create(join(folder, "model.onnx"), options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const receive = serve({ load, create }, (message, transfer) => parentPort.postMessage(message, transfer));
parentPort.on("message", receive);
