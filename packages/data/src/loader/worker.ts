// The entry of a loader's worker thread: decodes, augments and writes runs of samples into shared batches.
import { parentPort, workerData } from "node:worker_threads";
import { createHand } from "./hand.ts";
import type { Answer, Question, Settings } from "./protocol.ts";

const port = parentPort;
if (!port) throw new Error("loader/worker.js is started by createLoader, not on its own");
const hand = createHand(workerData as Settings);

port.on("message", async ({ id, chunk, slabs }: Question) => {
  hand.slabs.push(...slabs);
  try {
    port.postMessage({ id, outcome: await hand.run(chunk) } satisfies Answer);
  } catch (cause) {
    const crash = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    port.postMessage({ id, crash } satisfies Answer);
  }
});
