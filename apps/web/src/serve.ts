/** What every worker does: say that its model is ready or why not, then answer. */

import wasmPlain from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url";
import wasmSimd from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url";
import wasmThreaded from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm?url";
import type { Classifier, ClassifierOptions } from "@vitrail/classify";
import type { OpenOptions } from "@vitrail/hub";
import type { Ask, Choice, Open, Tell } from "./protocol.ts";

const tell = (message: Tell): void => postMessage(message);

/** Where tfjs finds its wasm, should ONNX Runtime not start. */
export const backendOptions = (): NonNullable<ClassifierOptions["backendOptions"]> => ({
  wasmPaths: {
    "tfjs-backend-wasm.wasm": here(wasmPlain),
    "tfjs-backend-wasm-simd.wasm": here(wasmSimd),
    "tfjs-backend-wasm-threaded-simd.wasm": here(wasmThreaded),
  },
});

/** In full: a bundler's address is relative to the page's folder. */
const here = (url: string): string => new URL(url, self.location.href).href;

/**
 * Opens the model that the first message asks for, and answers photos with it.
 *
 * @param open makes its classifier, fetching as it is told
 */
export function serve(open: (choice: Choice, hub: OpenOptions) => Promise<Classifier>): void {
  const fetched = counted();
  const opening = new Promise<Classifier>((resolve) => {
    const first = ({ data }: MessageEvent<Open>) => resolve(open(data.choice, fetched.hub));
    self.addEventListener("message", first, { once: true });
  });
  opening.then(
    ({ name, engine, report, labels, model }) => {
      let params = 0;
      for (const { variable, trainable } of model.params.named().values()) if (trainable) params += variable.size;
      // Engine ort-web where its worker starts, else tfjs on the backend that was found.
      const backend = report?.name ?? "ONNX Runtime";
      tell({ kind: "ready", name, backend, reason: engine.reason, labels, params, bytes: fetched.bytes() });
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

/** Bytes that are there before anybody would have heard how many are. */
const SMALL = 5e6;

/** How weights are fetched, so that the page hears of it. */
function counted(): { readonly hub: OpenOptions; bytes(): number } {
  const files = new Map<string, number>();
  let told = 0;
  return {
    hub: {
      onProgress({ url, loaded, total }) {
        files.set(url, loaded);
        if (total !== undefined && total < SMALL) return;
        const part = total ? Math.min(1, loaded / total) : 0;
        // Each twentieth is enough to see, and little enough to hear.
        if (Math.floor(part * 20) === Math.floor(told * 20)) return;
        told = part;
        tell({ kind: "progress", part });
      },
    },
    bytes: () => [...files.values()].reduce((sum, size) => sum + size, 0),
  };
}

/** An error in one line: of a list the first, and how many more there are. */
function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const [head = "", first, ...more] = text.split("\n").map((line) => line.trim());
  if (first === undefined) return head;
  return `${head.replace(/:$/, "")}: ${first}${more.length > 0 ? `, and ${more.length} more` : ""}`;
}
