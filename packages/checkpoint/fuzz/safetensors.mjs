import { encodeSafetensors } from "../dist/index.js";
import { splice } from "./mutate.mjs";

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

/** A sound file of a few small tensors. */
export function safetensors(r) {
  const tensors = new Map();
  for (let i = r.below(6); i > 0; i--) {
    const dtype = r.pick(Object.keys(DTYPES));
    const shape = Array.from({ length: r.below(4) }, () => r.below(4));
    const size = shape.reduce((a, b) => a * b, 1) * DTYPES[dtype];
    tensors.set(r.pick(NAMES), { dtype, shape, bytes: r.bytes(size) });
  }
  return encodeSafetensors(tensors, r.once(2) ? { metadata: { format: "pt", [r.pick(NAMES)]: r.pick(NAMES) } } : {});
}

const changes = [
  (r, text) =>
    text.replace(/\d+/g, (n) =>
      r.below(4) ? n : String(r.pick([0, 1, -1, 1.5, n + 1, 2 ** 31, 2 ** 53, "1e400", "99999999999999999999"])),
    ),
  (r, text) => text.replace(/"[A-Z]+\d*"/, () => `"${r.pick(Object.keys(DTYPES))}"`),
  (r, text) => {
    const at = r.below(text.length + 1);
    return text.slice(0, at) + r.pick(TOKENS) + text.slice(at + r.below(3));
  },
  (_, text) => text.replace(/\{(.*)\}/s, (_, inner) => `{${inner},${inner}}`),
  (r, text) => text.replace(/"[^"]*":/, (key) => `${key}${r.pick(["[", '{"x":']).repeat(r.below(3000))}`),
];

/** The same file with another header text, its length mended or not. */
export function withHeader(r, file) {
  const length = new DataView(file.buffer, file.byteOffset).getUint32(0, true);
  let text = new TextDecoder().decode(file.subarray(8, 8 + length));
  for (let n = 1 + r.below(3); n > 0; n--) text = r.pick(changes)(r, text);
  const header = new TextEncoder().encode(text);
  const out = splice(file, 8, length, header);
  if (r.below(4)) new DataView(out.buffer).setUint32(0, header.length, true);
  return out;
}
