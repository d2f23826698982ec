/**
 * Loading ViT-B/16 (346 MB, fp32) from safetensors, torch's zip and torch's legacy file until every byte has been summed:
 * all tensors held, and one after the other, against `safetensors.torch.load_file` and `torch.load` in the same run, which
 * hold all. Interleaved, medians; peak memory from a process of its own for each, less that of one which loads nothing.
 * Needs the built packages, and a Python with torch and safetensors: VITRAIL_PYTHON, else python3.
 * Writes bench/results/checkpoint-load.json.
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { median, peakMemory, writeResults } from "@repo/bench";
import { openFile } from "../../hub/dist/index.js";
import { readCheckpoint } from "../dist/index.js";
import { sum } from "./sum.mjs";
import { writeVitBase } from "./vit-base.mjs";

const ROUNDS = Number(process.env.VITRAIL_ROUNDS ?? 11);
const script = fileURLToPath(new URL("load.py", import.meta.url));
const self = fileURLToPath(import.meta.url);
const FILES = { safetensors: "model.safetensors", torch: "zip.pth", "torch-legacy": "legacy.pth" };

const bytesOf = (values) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
const modes = {
  /** As a model keeps its weights: all tensors at once. */
  held(path) {
    const checkpoint = readCheckpoint(openFile(path), { name: path });
    const all = [...checkpoint.tensors.values()].map((tensor) => tensor.float32());
    checkpoint.close();
    return all.reduce((total, values) => (total + sum(bytesOf(values))) | 0, 0);
  },
  /** Tensor by tensor: nothing stays. */
  streamed(path) {
    const checkpoint = readCheckpoint(openFile(path), { name: path });
    let total = 0;
    for (const tensor of checkpoint.tensors.values()) total = (total + sum(bytesOf(tensor.float32()))) | 0;
    checkpoint.close();
    return total;
  },
};

if (process.argv[2] in modes || process.argv[2] === "nothing") {
  modes[process.argv[2]]?.(process.argv[3]);
  console.log(peakMemory());
} else await main();

async function main() {
  const python = findPython();
  if (python === undefined) {
    console.log("skipped: no Python with torch and safetensors (VITRAIL_PYTHON, else python3)");
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "vitrail-bench-"));
  try {
    const model = join(folder, FILES.safetensors);
    writeVitBase(model);
    const made = spawnSync(python, [script, "make", model, folder], { stdio: ["ignore", "inherit", "inherit"] });
    if (made.status !== 0) throw new Error("Python could not write the files");
    await compare(python, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function compare(python, folder) {
  const theirs = spawn(python, [script, "serve"], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: theirs.stdout })[Symbol.asyncIterator]();
  const next = async () => (await lines.next()).value.split(" ");
  const [torch, safetensors, threads] = await next();
  const rows = [];
  for (const [format, name] of Object.entries(FILES)) {
    const path = join(folder, name);
    const seconds = { held: [], streamed: [], theirs: [] };
    const sums = new Set();
    for (let round = -1; round < ROUNDS; round++) {
      for (const [mode, run] of Object.entries(modes)) {
        const start = performance.now();
        sums.add(run(path) >>> 0);
        if (round >= 0) seconds[mode].push((performance.now() - start) / 1000); // the first round warms the page cache
      }
      theirs.stdin.write(`${format} ${path}\n`);
      const [time, total] = await next();
      sums.add(Number(total));
      if (round >= 0) seconds.theirs.push(Number(time));
    }
    if (sums.size !== 1) throw new Error(`the sums of ${name} differ: ${[...sums]}`);
    const peer = format === "safetensors" ? `safetensors.torch.load_file ${safetensors}` : `torch.load ${torch}`;
    const peak = { theirs: peakOf(python, [script, "peak", format, path]) - peakOf(python, [script, "peak"]) };
    for (const mode of Object.keys(modes)) {
      peak[mode] = peakOf(process.execPath, [self, mode, path]) - peakOf(process.execPath, [self, "nothing"]);
      const tensors = 86_567_656 * 4;
      rows.push({
        work: `load ${format}, ${mode === "held" ? "hold all tensors" : "tensor by tensor"}, sum every byte`,
        model: `vit_base_patch16_224 (${Math.round(statSync(path).size / 1e6)} MB)`,
        peer: `${peer}, all tensors held, same sum on ${threads} threads`,
        unit: "ms, page cache warm",
        ours: Math.round(1000 * median(seconds[mode])),
        theirs: Math.round(1000 * median(seconds.theirs)),
        ratio: Number((median(seconds.theirs) / median(seconds[mode])).toFixed(2)),
        oursPeakOverTensors: Number(((peak[mode] * 2 ** 20) / tensors).toFixed(2)),
        theirsPeakOverTensors: Number(((peak.theirs * 2 ** 20) / tensors).toFixed(2)),
      });
    }
  }
  theirs.stdin.end();
  writeResults("checkpoint-load", rows, {
    versions: { torch, safetensors },
    rounds: ROUNDS,
    loadAverage: Number(loadavg()[0].toFixed(1)), // of everything on the machine, this run included: over 3, read ratios only
  });
  console.table(rows, ["work", "ours", "theirs", "ratio", "oursPeakOverTensors", "theirsPeakOverTensors"]);
}

function findPython() {
  return [process.env.VITRAIL_PYTHON, "python3"].find(
    (python) => python && spawnSync(python, ["-c", "import torch, safetensors"], { stdio: "ignore" }).status === 0,
  );
}

function peakOf(command, args) {
  return Number(spawnSync(command, args, { encoding: "utf8" }).stdout);
}
