// Peers of the training benchmark as processes that take turns: each waits, without a thread running, until it is asked.
import { fork, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const at = (name) => fileURLToPath(new URL(name, import.meta.url));

/** compileStep in a process of its own; engine "tfjs" is tfjs's wasm backend. */
export async function stepPeer(options) {
  const child = fork(at("step-process.mjs"));
  const ended = new Promise((done) => child.once("exit", (...how) => done({ error: `its process ended: ${how}` })));
  const ask = async (message) => {
    const answer = new Promise((done) => child.once("message", done));
    child.send(message);
    const found = await Promise.race([answer, ended]);
    if (found.error !== undefined) throw new Error(`${options.engine}, ${options.model}: ${found.error}`);
    return found;
  };
  const { compiled } = await ask(options);
  const close = async () => {
    child.kill();
    await ended;
  };
  return { step: () => ask("step"), close, compiled };
}

/** torch's eager steps. */
export async function torchPeer({ python, model, batch, threads, layout }) {
  const child = spawn(python, ["-W", "ignore", at("torch-training.py"), model, batch, threads, layout].map(String), {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const read = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`torch, ${model}: its process ended`);
    return JSON.parse(value);
  };
  await read();
  return {
    step() {
      child.stdin.write("step\n");
      return read();
    },
    async close() {
      const ended = new Promise((done) => child.once("exit", done));
      child.stdin.end();
      await ended;
    },
  };
}
