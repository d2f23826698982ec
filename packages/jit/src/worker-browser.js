/** The thread of a session in a browser. */
import { serve } from "./session.js";

async function load({ providers, threads, wasmPaths }) {
  const gpu = providers.includes("webgpu");
  const ort = gpu ? await import("onnxruntime-web/webgpu") : await import("onnxruntime-web/wasm");
  ort.env.wasm.numThreads = Math.max(1, threads);
  if (wasmPaths !== undefined) ort.env.wasm.wasmPaths = wasmPaths;
  return { ort, options: { executionProviders: gpu ? ["webgpu", "wasm"] : ["wasm"] } };
}

async function create(ort, { model, weights, weightsName }, options) {
  const externalData = weights ? { externalData: [{ path: weightsName, data: weights }] } : {};
  return ort.InferenceSession.create(model, { ...options, ...externalData });
}

const receive = serve({ load, create }, (message, transfer) => self.postMessage(message, { transfer }));
self.addEventListener("message", ({ data }) => receive(data));
