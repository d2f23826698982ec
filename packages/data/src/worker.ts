// The entry of a preprocessor's worker thread: decodes, resizes, crops and normalises one picture a message.
import { parentPort, workerData } from "node:worker_threads";
import { decodeHere } from "./decode-here.ts";
import type { ImageError } from "./errors.ts";
import { evalTransform } from "./transform.ts";
import type { Answer, Question, WorkerSettings } from "./worker-protocol.ts";

const port = parentPort;
if (!port) throw new Error("worker.js is started by createPreprocessor, not on its own");
const settings = workerData as WorkerSettings;
const transform = evalTransform(settings.preprocess);

port.on("message", async ({ id, source, name }: Question) => {
  try {
    const data = transform.ofWindow(await decodeHere(source, { ...settings.decode, name }, transform.window));
    port.postMessage({ id, data } satisfies Answer, [data.buffer as ArrayBuffer]);
  } catch (cause) {
    const { message, code, file } = cause as ImageError;
    port.postMessage({ id, error: { message, code, file } } satisfies Answer);
  }
});
