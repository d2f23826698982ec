/** What sessions need of Node. `host-browser.ts` is the same for browsers: package.json's "imports" choose. */
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { GpuProvider, Runtime, Thread } from "./runtime/thread.ts";

/**
 * onnxruntime-node 1.30 goes through the program's whole command line (/proc/self/cmdline) with what looks like a recursion for
 * every character: in a thread's usual 4 MB some 16 kB of photos' names end the process without a word. This holds for 125 kB.
 */
const stack = process.platform === "linux" ? { resourceLimits: { stackSizeMb: 256 } } : {};

/** The thread's file lies beside this package's code, in the source tree as in the published package. */
export function startThread(): Thread {
  const worker = new Worker(new URL("./worker.js", import.meta.url), stack);
  worker.unref();
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    listen(onMessage, onEnd) {
      worker.on("message", onMessage);
      worker.on("error", (error: Error) => onEnd(`the worker failed: ${error.message}`));
      worker.on("exit", (code) => onEnd(`the worker ended by itself with status ${code}`));
    },
    hold: (busy) => (busy ? worker.ref() : worker.unref()),
    terminate: async () => void (await worker.terminate()),
  };
}

const packages = { ort: "onnxruntime-node", "ort-web": "onnxruntime-web" } as const;

/** Plain `npm i onnxruntime-node` runs a download that many networks block, and then leaves nothing installed. */
const installCommands = {
  ort: "ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node@1.30.0",
  "ort-web": "npm install onnxruntime-web@1.30.0",
} as const;

function resolved(request: string): string | undefined {
  try {
    return createRequire(import.meta.url).resolve(request);
  } catch {
    return undefined;
  }
}

/** Why a runtime cannot be tried here; undefined where it can. */
export const absence = (runtime: Runtime): string | undefined =>
  resolved(packages[runtime]) ? undefined : notInstalled(runtime);

export const notInstalled = (runtime: Runtime): string =>
  `${packages[runtime]} is not installed: run ${installCommands[runtime]}`;

/** Whether there can be a tfjs-node-gpu, which only trying can tell: it is another package's peer. */
export const mayHaveNodeGpu = (): boolean => true;

/** Threads of a run where the caller says none. */
export function defaultThreads(runtime: Runtime): number {
  const most = availableParallelism();
  return runtime === "ort-web" ? Math.min(most, 8) : most;
}

/**
 * The provider on a graphics processor that "auto" tries, and why it does not. CoreML is not among them: it computes in
 * half precision where it can.
 */
export function gpuProvider(): GpuProvider | undefined {
  if (process.platform === "win32") return { name: "dml", absence: undefined };
  if (process.platform !== "linux") return undefined;
  // The CUDA files come by a download of their own; without them asking costs a noisy failure.
  const folder = resolved("onnxruntime-node/package.json")?.replace(/package\.json$/, "");
  const file = `${folder}bin/napi-v6/linux/${process.arch}/libonnxruntime_providers_cuda.so`;
  const command = process.arch === "x64" ? ": run ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node" : "";
  const absence = folder && resolved(file) ? undefined : `onnxruntime-node's CUDA files are not installed${command}`;
  return { name: "cuda", absence };
}

/** The engines of "auto", after a graphics processor. */
export const autoEngines = (): readonly Runtime[] => ["ort", "ort-web"];
