import { zipSync } from "fflate";

/** Pieces of a pickle: numbers are opcodes and bytes, strings the text of lines and names. */
export function pickle(...pieces: readonly (number | string | readonly number[] | Uint8Array)[]): Uint8Array {
  const encoder = new TextEncoder();
  const parts = pieces.map((piece) => {
    if (typeof piece === "string") return encoder.encode(piece);
    return typeof piece === "number" ? Uint8Array.of(piece) : Uint8Array.from(piece);
  });
  return join(parts);
}

/** SHORT_BINUNICODE, or BINUNICODE where it is long. */
export function text(value: string): Uint8Array {
  const bytes = new TextEncoder().encode(value);
  return bytes.length < 256 ? pickle(0x8c, bytes.length, bytes) : pickle(0x58, uint32(bytes.length), bytes);
}

/** GLOBAL */
export function global(module: string, name: string): Uint8Array {
  return pickle(0x63, `${module}\n${name}\n`);
}

/** BININT */
export function int(value: number): Uint8Array {
  return pickle(0x4a, uint32(value));
}

/** A reference to a storage of fp32, as torch's zip files have it. */
export function storage(key: string, numel: number, type = "FloatStorage"): Uint8Array {
  return pickle(0x28, text("storage"), global("torch", type), text(key), text("cpu"), int(numel), 0x74, 0x51);
}

/** `_rebuild_tensor_v2(storage, offset, shape, strides, False, OrderedDict())` */
export function tensor(
  of: Uint8Array,
  shape: readonly number[],
  strides: readonly number[],
  offset: Uint8Array | number = 0,
): Uint8Array {
  const tuple = (list: readonly number[]) => pickle(0x28, ...list.map(number), 0x74);
  const hooks = pickle(global("collections", "OrderedDict"), 0x29, 0x52);
  const begin = typeof offset === "number" ? number(offset) : offset;
  const args = pickle(0x28, of, begin, tuple(shape), tuple(strides), 0x89, hooks, 0x74);
  return pickle(global("torch._utils", "_rebuild_tensor_v2"), args, 0x52);
}

/** A whole number of any size: BININT, or LONG1. */
export function number(value: number): Uint8Array {
  if (value === (value | 0)) return int(value);
  const bytes = new Uint8Array(9);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return pickle(0x8a, 9, bytes);
}

/** A dict of names to values. */
export function dict(values: Readonly<Record<string, Uint8Array>>): Uint8Array {
  return pickle(0x7d, 0x28, ...Object.entries(values).flatMap(([key, value]) => [text(key), value]), 0x75);
}

/** A pickle of protocol 4 with this value. */
export function whole(value: Uint8Array): Uint8Array {
  return pickle(0x80, 4, value, 0x2e);
}

/** What torch.save writes around a pickle. */
export function torchZip(
  value: Uint8Array,
  storages: Readonly<Record<string, Uint8Array>> = {},
  level: 0 | 9 = 0,
): Uint8Array {
  const files = {
    "archive/data.pkl": whole(value),
    ...Object.fromEntries(Object.entries(storages).map(([key, bytes]) => [`archive/data/${key}`, bytes])),
    "archive/version": new TextEncoder().encode("3\n"),
  };
  return zipSync(files, { level });
}

const LEGACY_MAGIC = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/** The file of torch before 1.6: pickles, then each storage's length and bytes. */
export function torchLegacy(
  value: Uint8Array,
  storages: Readonly<Record<string, { readonly numel: number; readonly bytes: Uint8Array }>> = {},
): Uint8Array {
  const keys = pickle(0x28, ...Object.keys(storages).map(text), 0x6c);
  const pickles = [pickle(0x8a, 10, LEGACY_MAGIC), int(1001), dict({}), value, keys].map((p) =>
    pickle(0x80, 2, p, 0x2e),
  );
  const data = Object.values(storages).flatMap(({ numel, bytes }) => [uint32(numel), uint32(0), bytes]);
  return join([...pickles, ...data]);
}

/** A `.npy` of version 1 with this header. */
export function npy(header: string, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const bytes = new TextEncoder().encode(header);
  return join([
    Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, bytes.length & 255, bytes.length >> 8),
    bytes,
    data,
  ]);
}

export function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

export function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** A copy with bytes put in the place of others, found by the one place where `find` lies. */
export function patch(file: Uint8Array, find: Uint8Array, change: (view: DataView, at: number) => void): Uint8Array {
  const out = Uint8Array.from(file);
  let found = 0;
  for (let at = 0; at + find.length <= out.length; at++) {
    if (!find.every((byte, i) => out[at + i] === byte)) continue;
    change(new DataView(out.buffer), at);
    found++;
    at += find.length;
  }
  if (found === 0) throw new Error("nothing to patch");
  return out;
}
