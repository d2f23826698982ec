/** What sessions need of a browser: `host.ts` for Node says what each function is for. */
import type { GpuProvider, Runtime, Thread } from "./runtime/thread.ts";

export function startThread(): Thread {
  // In full, so that bundlers find the file.
  const worker = new Worker(new URL("./worker-browser.js", import.meta.url), { type: "module" });
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    listen(onMessage, onEnd) {
      worker.onmessage = ({ data }) => onMessage(data);
      worker.onerror = ({ message }) => onEnd(`the worker failed: ${message || "its script does not load"}`);
    },
    hold() {},
    async terminate() {
      worker.terminate();
    },
  };
}

export function absence(runtime: Runtime): string | undefined {
  return runtime === "ort" ? "onnxruntime-node needs Node" : undefined;
}

export const mayHaveNodeGpu = (): boolean => false;

/** Threads share memory, which a page may have only where its server isolates it. */
export const defaultThreads = (_runtime: Runtime): number =>
  globalThis.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, 8) : 1;

export const gpuProvider = (): GpuProvider | undefined => undefined;

export const autoEngines = (): readonly Runtime[] => ["ort-web"];
