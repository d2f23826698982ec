// Training steps on tfjs-node, as a peer to measure against: a process of its own, since its malloc wants other settings
// and its threads must not share ours. `npm run tfjs-node` builds what it runs on.
import { fork } from "node:child_process";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { findTfjsNode, tensorflowVersion, tfjsVersion } from "../../../../tooling/tfjs-node/locate.mjs";

/**
 * A model with random weights under training on tfjs-node: random images and labels, cross entropy, our own optimiser.
 *
 * @param {object} options
 * @param {string} options.model the model's name, e.g. "resnet18"
 * @param {number} options.batch images a step
 * @param {"adamW" | "sgd"} [options.optimizer] AdamW with torch's defaults, or SGD with a momentum of 0.9
 * @param {number} [options.size] height and width of the images
 * @param {number} [options.threads] of TensorFlow
 * @returns {Promise<{ step(): Promise<{ milliseconds: number, loss: number, rss: number }>, close(): Promise<void>,
 *   versions: Record<string, string> } | { reason: string }>} `step` runs one; `rss` is its process's peak memory in bytes.
 *   `reason` says why there is no such peer here.
 */
export async function tfjsNodePeer({ model, batch, optimizer = "adamW", size = 224, threads = cpus().length }) {
  const { module, reason } = findTfjsNode();
  if (reason !== undefined) return { reason: `tfjs-node is ${reason}` };
  const child = fork(fileURLToPath(new URL("tfjs-node-process.mjs", import.meta.url)), {
    env: {
      ...process.env,
      TF_ENABLE_ONEDNN_OPTS: "0",
      TF_CPP_MIN_LOG_LEVEL: "2",
      TF_NUM_INTRAOP_THREADS: String(threads),
      // Without these, a step gives its memory back to the system and takes it again: slower, and not TensorFlow's fault.
      MALLOC_MMAP_MAX_: "0",
      MALLOC_TRIM_THRESHOLD_: "20000000000",
    },
  });
  const ended = new Promise((done) => child.once("exit", (...how) => done(how)));
  /** One message there and one back. */
  const ask = async (message) => {
    const answer = new Promise((done) => child.once("message", done));
    child.send(message);
    const found = await Promise.race([answer, ended.then((how) => ({ error: `its process ended: ${how}` }))]);
    if (found.error !== undefined) throw new Error(`tfjs-node, ${model}: ${found.error}`);
    return found;
  };
  const close = async () => {
    if (child.connected) child.disconnect();
    await ended;
  };
  await ask({ module, model, batch, optimizer, size }).catch(async (error) => {
    await close();
    throw error;
  });
  const versions = { "@tensorflow/tfjs-node": tfjsVersion, "tensorflow-cpu": tensorflowVersion };
  return { step: () => ask("step"), close, versions };
}
