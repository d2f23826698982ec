/**
 * node packages/checkpoint/fuzz.mjs [files = 100000] [seed = 1]      (needs the built package)
 *
 * Mutated safetensors files and shard indices, each read to the last tensor: what comes out is sound or a
 * CheckpointError of one line; nothing else is thrown, no file takes a second of CPU, and no more bytes are read or kept than
 * there are. Ends with 1 and the file in base64 at the first that breaks this.
 */
import { encodeSafetensors, isCheckpointError, parseShardIndex, readCheckpoint } from "./dist/index.js";

const files = Number(process.argv[2] ?? 100_000);
let state = Number(process.argv[3] ?? 1) >>> 0;

/** A whole number from 0 to n - 1 (mulberry32). */
function random(n) {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), state | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) % n;
}
const pick = (list) => list[random(list.length)];

const DTYPES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
  F8_E4M3: 1,
  C64: 8,
};
const NAMES = ["a", "b.weight", "__proto__", "", "0", "é", "😀", "layer1.0.conv1.weight", '"', "\\", "\u0000"];
const TOKENS = [
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  '"',
  "\\",
  "-1",
  "0",
  "1e9",
  "9".repeat(20),
  "null",
  "__metadata__",
  "\\u0061",
  "[[[[[[[[",
  "dtype",
  "F4",
  "\u0000",
];

function sound() {
  const tensors = new Map();
  for (let i = random(6); i > 0; i--) {
    const dtype = pick(Object.keys(DTYPES));
    const shape = Array.from({ length: random(4) }, () => random(4));
    const size = shape.reduce((a, b) => a * b, 1) * DTYPES[dtype];
    tensors.set(pick(NAMES), { dtype, shape, bytes: Uint8Array.from({ length: size }, () => random(256)) });
  }
  return encodeSafetensors(tensors, random(2) ? { metadata: { format: "pt", [pick(NAMES)]: pick(NAMES) } } : {});
}

const splice = (file, at, remove, insert) =>
  Uint8Array.from([...file.subarray(0, at), ...insert, ...file.subarray(at + remove)]);

/** The same file with another header text, its length mended or not. */
function withHeader(file, change) {
  if (file.length < 8) return file;
  const length = new DataView(file.buffer, file.byteOffset).getUint32(0, true);
  if (8 + length > file.length) return file;
  const text = new TextEncoder().encode(change(new TextDecoder().decode(file.subarray(8, 8 + length))));
  const out = splice(file, 8, length, text);
  if (random(4)) new DataView(out.buffer).setUint32(0, text.length, true);
  return out;
}

const mutations = [
  (f) => f.subarray(0, random(f.length + 1)),
  (f) => splice(f, random(f.length), 0, [f[random(f.length)] ^ (1 << random(8))]),
  (f) => splice(f, random(f.length), 1, [random(256)]),
  (f) => splice(f, random(f.length), random(9), []),
  (f) => splice(f, f.length, 0, new Uint8Array(random(17))),
  (f) =>
    splice(
      f,
      0,
      8,
      Uint8Array.from({ length: 8 }, (_, i) => (i < 4 || random(8) === 0 ? random(256) : 0)),
    ),
  (f) =>
    withHeader(f, (t) =>
      t.replace(/\d+/g, (n) =>
        random(4) ? n : String(pick([0, 1, -1, 1.5, n + 1, 2 ** 31, 2 ** 53, "1e400", "99999999999999999999"])),
      ),
    ),
  (f) => withHeader(f, (t) => t.replace(/"[A-Z]+\d*"/, () => `"${pick(Object.keys(DTYPES))}"`)),
  (f) =>
    withHeader(f, (t) => {
      const at = random(t.length + 1);
      return t.slice(0, at) + pick(TOKENS) + t.slice(at + random(3));
    }),
  (f) => withHeader(f, (t) => t.replace(/\{(.*)\}/s, (_, inner) => `{${inner},${inner}}`)),
  (f) => withHeader(f, (t) => t.replace(/"[^"]*":/, (key) => `${key}${pick(["[", '{"x":']).repeat(random(3000))}`)),
];

function check(file) {
  let read = 0;
  const storage = {
    byteLength: file.length,
    bytes(begin, end) {
      if (!(0 <= begin && begin <= end && end <= file.length))
        throw new Error(`asked for ${begin} to ${end} of ${file.length}`);
      read += end - begin;
      return file.subarray(begin, end);
    },
  };
  try {
    const { tensors } = readCheckpoint(storage, { name: "fuzz" });
    let total = 0;
    for (const tensor of tensors.values()) {
      total += tensor.bytes().length;
      try {
        tensor.float32();
      } catch (error) {
        if (error.code !== "unsupported-dtype") throw error;
      }
    }
    if (total > file.length || read > 3 * file.length + 2048)
      throw new Error(`${total} bytes of tensors, ${read} read, of ${file.length}`);
    return "sound";
  } catch (error) {
    if (!isCheckpointError(error) || /\n/.test(error.message) || error.message.length > 1000) throw error;
    return error.code;
  }
}

function checkIndex() {
  const json = JSON.stringify({
    weight_map: { a: pick(["x.safetensors", "../x", "/x", "a/b", "C:\\x", "", 5, null]) },
  });
  const at = random(json.length);
  try {
    for (const path of parseShardIndex(random(2) ? json : json.slice(0, at) + pick(TOKENS) + json.slice(at + 1))
      .files) {
      if (path.split("/").includes("..") || path.startsWith("/")) throw new Error(`let ${path} through`);
    }
  } catch (error) {
    if (!isCheckpointError(error)) throw error;
  }
}

const counts = new Map();
let slowest = 0;
const started = performance.now();
for (let i = 0; i < files; i++) {
  let file = sound();
  for (let n = random(4); n > 0 && file.length > 0; n--) file = pick(mutations)(file);
  const start = process.cpuUsage(); // not the clock: a busy machine is no hang
  try {
    const outcome = check(file);
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    if (i % 10 === 0) checkIndex();
  } catch (error) {
    console.error(`file ${i}: ${error.stack}\n${Buffer.from(file).toString("base64").slice(0, 10_000)}`);
    process.exit(1);
  }
  slowest = Math.max(slowest, process.cpuUsage(start).user / 1000);
  if (slowest > 1000) {
    console.error(`file ${i} took ${Math.round(slowest)} ms\n${Buffer.from(file).toString("base64").slice(0, 10_000)}`);
    process.exit(1);
  }
}
console.table(Object.fromEntries([...counts].sort((a, b) => b[1] - a[1])));
console.log(
  `${files} files in ${Math.round((performance.now() - started) / 1000)} s, slowest ${slowest.toFixed(1)} ms, ` +
    `peak memory ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB: no crash, no hang, no over-allocation`,
);
