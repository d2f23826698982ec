// PyTorch as a peer: its own ONNX export, and its eager forward pass in a process that takes turns with ours.
import { execFile, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** An interpreter with torch, timm and onnx. */
export const python = process.env.VITRAIL_PYTHON;
const script = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Writes torch's exports of models with random weights into a folder, those that are not there. */
export const exportModels = (folder, names) =>
  promisify(execFile)(python, ["-W", "ignore", script("export.py"), folder, ...names]);

/** PyTorch's forward pass: `run(layout)` gives its milliseconds. */
export async function eagerTorch(name, batch, threads, mode) {
  const args = ["-W", "ignore", script("torch_eager.py"), name, String(batch), String(threads), mode];
  const child = spawn(python, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${name}: PyTorch's process ended`);
    return value;
  };
  const version = await next();
  return {
    version,
    async run(layout) {
      child.stdin.write(`${layout}\n`);
      return Number(await next());
    },
    async close() {
      child.stdin.end();
      await new Promise((done) => child.once("exit", done));
    },
  };
}
