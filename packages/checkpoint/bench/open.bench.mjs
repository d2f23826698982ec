/**
 * Opening a 350 MB safetensors file (ViT-B/16's names and shapes, random fp32) and summing every byte, against one
 * plain read of the file with the same sum. Interleaved, medians; peak memory from a process of its own for each.
 * Needs the built packages. Writes bench/results/checkpoint-open.json.
 */
import { spawnSync } from "node:child_process";
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { median, peakMemory, writeResults } from "@repo/bench";
import { openFile } from "../../hub/dist/index.js";
import { readCheckpoint } from "../dist/index.js";
import { sum } from "./sum.mjs";
import { writeVitBase } from "./vit-base.mjs";

const ROUNDS = 11;

const modes = {
  /** Tensor by tensor: nothing stays. */
  ours(path) {
    const checkpoint = readCheckpoint(openFile(path), { name: path });
    let total = 0;
    for (const tensor of checkpoint.tensors.values()) {
      const values = tensor.float32();
      total = (total + sum(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))) | 0;
    }
    checkpoint.close();
    return total;
  },
  /** As a model keeps its weights: all tensors at once. */
  oursHeld(path) {
    const checkpoint = readCheckpoint(openFile(path), { name: path });
    const all = [...checkpoint.tensors.values()].map((tensor) => tensor.float32());
    checkpoint.close();
    return all.reduce((total, v) => (total + sum(new Uint8Array(v.buffer, v.byteOffset, v.byteLength))) | 0, 0);
  },
  /** The whole file in one call: a peer that keeps it all. */
  readFile(path) {
    const bytes = readFileSync(path);
    const start = 8 + Number(bytes.readBigUInt64LE(0));
    return sum(new Uint8Array(bytes.buffer, bytes.byteOffset + start, bytes.length - start));
  },
  /** The file in pieces of 1 MB through one buffer: the least that a read can cost. */
  readPieces(path) {
    const fd = openSync(path, "r");
    const head = new Uint8Array(8);
    readSync(fd, head, 0, 8, 0);
    let at = 8 + Number(new DataView(head.buffer).getBigUint64(0, true));
    const end = fstatSync(fd).size;
    const piece = new Uint8Array(1 << 20);
    let total = 0;
    while (at < end) {
      const got = readSync(fd, piece, 0, piece.length, at);
      total = (total + sum(piece.subarray(0, got))) | 0;
      at += got;
    }
    closeSync(fd);
    return total;
  },
};

if (process.argv[2] in modes || process.argv[2] === "nothing") {
  modes[process.argv[2]]?.(process.argv[3]);
  console.log(peakMemory());
} else main();

function main() {
  const folder = mkdtempSync(join(tmpdir(), "vitrail-bench-"));
  try {
    const path = join(folder, "model.safetensors");
    writeVitBase(path);
    const megabytes = statSync(path).size / 1e6;
    const seconds = Object.fromEntries(Object.keys(modes).map((mode) => [mode, []]));
    const sums = new Set();
    for (let round = -1; round < ROUNDS; round++) {
      for (const [mode, run] of Object.entries(modes)) {
        const start = performance.now();
        sums.add(run(path));
        if (round >= 0) seconds[mode].push((performance.now() - start) / 1000); // the first round warms the page cache
      }
    }
    if (sums.size !== 1) throw new Error(`the sums differ: ${[...sums]}`);
    const peak = (mode) =>
      Number(spawnSync(process.execPath, [fileURLToPath(import.meta.url), mode, path], { encoding: "utf8" }).stdout);
    const idle = peak("nothing");
    const rate = (mode) => Math.round(megabytes / median(seconds[mode]));
    const memory = (mode) => Math.round(peak(mode) - idle);
    const row = (work, mode, peer, theirs) => ({
      work,
      model: `vit_base_patch16_224 (${Math.round(megabytes)} MB)`,
      peer,
      batch: 1,
      precision: "fp32",
      unit: "MB/s, page cache warm",
      ours: rate(mode),
      theirs: rate(theirs),
      ratio: Number((median(seconds[theirs]) / median(seconds[mode])).toFixed(2)),
      oursPeakMiB: memory(mode),
      theirsPeakMiB: memory(theirs),
    });
    const rows = [
      row("open, sum every byte, tensor by tensor", "ours", "fs.readSync in pieces of 1 MB, same sum", "readPieces"),
      row("open, sum every byte, tensor by tensor", "ours", "fs.readFileSync, same sum", "readFile"),
      row("open, hold all tensors, sum every byte", "oursHeld", "fs.readFileSync, same sum", "readFile"),
    ];
    writeResults("checkpoint-open", rows);
    console.table(rows, ["work", "peer", "ours", "theirs", "ratio", "oursPeakMiB", "theirsPeakMiB"]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
