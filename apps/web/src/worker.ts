/** The model, in a worker, so that the page stays live while a photo is decoded and looked at. */

import wasmPlain from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url";
import wasmSimd from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url";
import wasmThreaded from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm?url";
import { type Classifier, createClassifier } from "@vitrail/classify";
import { resnet20_cifar } from "@vitrail/resnet";
import config from "@vitrail/weights-cifar10/config.json?url";
import model from "@vitrail/weights-cifar10/model.safetensors?url";
import type { Ask, Tell } from "./protocol.ts";

const tell = (message: Tell): void => postMessage(message);
const word = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function start(): Promise<Classifier> {
  const here = (url: string) => new URL(url, self.location.href).href;
  const classifier = await createClassifier({
    model: resnet20_cifar,
    weights: { config: here(config), model: here(model) },
    backendOptions: {
      wasmPaths: {
        "tfjs-backend-wasm.wasm": here(wasmPlain),
        "tfjs-backend-wasm-simd.wasm": here(wasmSimd),
        "tfjs-backend-wasm-threaded-simd.wasm": here(wasmThreaded),
      },
    },
  });
  const { engine, report, labels } = classifier;
  // Engine ort-web where its worker starts, else tfjs on the backend that was found.
  const backend = report?.name ?? "ONNX Runtime";
  tell({ kind: "ready", backend, reason: engine.reason, labels });
  return classifier;
}

const starting = start();
starting.catch((error) => tell({ kind: "failed", message: `The model could not be loaded: ${word(error)}` }));

self.addEventListener("message", async ({ data: { id, name, bytes } }: MessageEvent<Ask>) => {
  try {
    const classifier = await starting;
    const { predictions, known } = await classifier.examine(new Blob([bytes]), { top: 5 });
    tell({ kind: "answer", id, known: known !== false, predictions });
  } catch (error) {
    tell({ kind: "error", id, message: `${name}: ${word(error)}` });
  }
});
