/**
 * Opening a 350 MB safetensors file (ViT-B/16's names and shapes, random fp32) and summing every byte, against one
 * plain read of the file with the same sum. Interleaved, medians; peak memory from a process of its own for each.
 * Needs the built packages. Writes bench/results/checkpoint-open.json.
 */
import { spawnSync } from "node:child_process";
import {
  closeSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openFile } from "../../hub/dist/index.js";
import { readCheckpoint, safetensorsChunks } from "../dist/index.js";

const ROUNDS = 11;
const results = fileURLToPath(new URL("../../../bench/results/checkpoint-open.json", import.meta.url));

/** Names and shapes of timm's vit_base_patch16_224: 86,567,656 parameters. */
function* vitBase() {
  const D = 768;
  yield ["cls_token", [1, 1, D]];
  yield ["pos_embed", [1, 197, D]];
  yield ["patch_embed.proj.weight", [D, 3, 16, 16]];
  yield ["patch_embed.proj.bias", [D]];
  for (let i = 0; i < 12; i++) {
    for (const norm of ["norm1", "norm2"]) for (const p of ["weight", "bias"]) yield [`blocks.${i}.${norm}.${p}`, [D]];
    for (const [name, out, inside] of [
      ["attn.qkv", 3 * D, D],
      ["attn.proj", D, D],
      ["mlp.fc1", 4 * D, D],
      ["mlp.fc2", D, 4 * D],
    ]) {
      yield [`blocks.${i}.${name}.weight`, [out, inside]];
      yield [`blocks.${i}.${name}.bias`, [out]];
    }
  }
  for (const p of ["weight", "bias"]) yield [`norm.${p}`, [D]];
  yield ["head.weight", [1000, D]];
  yield ["head.bias", [1000]];
}

function write(path) {
  let state = 1;
  const next = () => {
    state = (state * 1_103_515_245 + 12_345) & 0x7fffffff;
    return state / 2 ** 31 - 0.5;
  };
  const values = (n) => () => Float32Array.from({ length: n }, next);
  const tensors = [...vitBase()].map(([name, shape]) => [
    name,
    { shape, float32: values(shape.reduce((a, b) => a * b)) },
  ]);
  const fd = openSync(path, "w");
  for (const chunk of safetensorsChunks(tensors)) for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
  closeSync(fd);
}

/** Every byte, four at a time. */
function sum(bytes) {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  let total = 0;
  for (let i = 0; i < words.length; i++) total = (total + words[i]) | 0;
  return total;
}

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

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

/** MiB. Not `resourceUsage().maxRSS` where there is better: on Linux that begins with the parent's. */
function peakMemory() {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]) / 1024;
  } catch {
    return process.resourceUsage().maxRSS / 1024;
  }
}

if (process.argv[2] in modes || process.argv[2] === "nothing") {
  modes[process.argv[2]]?.(process.argv[3]);
  console.log(peakMemory());
} else main();

function main() {
  const folder = mkdtempSync(join(tmpdir(), "vitrail-bench-"));
  try {
    const path = join(folder, "model.safetensors");
    write(path);
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
    const report = {
      machine: {
        cpu: cpus()[0]?.model ?? "unknown",
        cores: cpus().length,
        memoryGiB: Math.round(totalmem() / 2 ** 30),
        platform: `${process.platform} ${process.arch}`,
      },
      versions: { node: process.versions.node },
      rows: [
        row("open, sum every byte, tensor by tensor", "ours", "fs.readSync in pieces of 1 MB, same sum", "readPieces"),
        row("open, sum every byte, tensor by tensor", "ours", "fs.readFileSync, same sum", "readFile"),
        row("open, hold all tensors, sum every byte", "oursHeld", "fs.readFileSync, same sum", "readFile"),
      ],
    };
    mkdirSync(join(results, ".."), { recursive: true });
    writeFileSync(results, `${JSON.stringify(report, null, 2)}\n`);
    console.table(report.rows, ["work", "peer", "ours", "theirs", "ratio", "oursPeakMiB", "theirsPeakMiB"]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
