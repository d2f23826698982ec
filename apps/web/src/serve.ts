/** What every worker does: say that its model is ready or why not, then answer. */

import wasmPlain from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url";
import wasmSimd from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url";
import wasmThreaded from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm?url";
import type { Classifier, ClassifierOptions } from "@vitrail/classify";
import type { Ask, Open, Tell } from "./protocol.ts";

export const tell = (message: Tell): void => postMessage(message);

/** In full: a bundler's address is relative to the page's folder. */
export const here = (url: string): string => new URL(url, self.location.href).href;

/** Where tfjs finds its wasm, should ONNX Runtime not start. */
export const backendOptions = (): NonNullable<ClassifierOptions["backendOptions"]> => ({
  wasmPaths: {
    "tfjs-backend-wasm.wasm": here(wasmPlain),
    "tfjs-backend-wasm-simd.wasm": here(wasmSimd),
    "tfjs-backend-wasm-threaded-simd.wasm": here(wasmThreaded),
  },
});

/** Answers photos with a classifier that is being opened. */
export function serve(opening: Promise<Classifier>): void {
  opening.then(
    ({ name, engine, report, labels }) => {
      // Engine ort-web where its worker starts, else tfjs on the backend that was found.
      tell({ kind: "ready", name, backend: report?.name ?? "ONNX Runtime", reason: engine.reason, labels });
    },
    (error) => tell({ kind: "failed", message: oneLine(error) }),
  );
  self.addEventListener("message", async ({ data }: MessageEvent<Ask | Open>) => {
    if (data.kind !== "ask") return;
    const { id, name, bytes } = data;
    try {
      const classifier = await opening;
      const { predictions, known } = await classifier.examine(new Blob([bytes]), { top: 5 });
      tell({ kind: "answer", id, known: known !== false, predictions });
    } catch (error) {
      tell({ kind: "error", id, message: `${name}: ${oneLine(error)}` });
    }
  });
}

/** An error in one line: of a list the first, and how many more there are. */
function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const [head = "", first, ...more] = text.split("\n").map((line) => line.trim());
  if (first === undefined) return head;
  return `${head.replace(/:$/, "")}: ${first}${more.length > 0 ? `, and ${more.length} more` : ""}`;
}
