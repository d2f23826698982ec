/**
 * numpy's `.npy` and `.npz`. A header is a Python dict of three keys, told apart without evaluating anything.
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
import type { Checkpoint } from "./checkpoint.ts";
import { bitsOf, sizeOf } from "./dtype.ts";
import { CheckpointError, quote } from "./errors.ts";
import { type NumpyType, numpyType } from "./numpy-dtype.ts";
import { latin1, utf8 } from "./pickle/literals.ts";
import { readBytes, type Storage, sliceStorage, swappedStorage } from "./storage.ts";
import { type CheckpointTensor, columnMajor, viewTensor } from "./tensor.ts";
import type { ZipEntry } from "./zip.ts";

/** numpy itself reads up to 10,000 bytes, unless it is told to trust the file. */
const MAX_HEADER = 2 ** 20;
const MAGIC = "\x93NUMPY";

/** Whether bytes begin as a `.npy` does. */
export function isNpy(head: Uint8Array): boolean {
  return latin1(head.subarray(0, 6)) === MAGIC;
}

/** Opens one array as a checkpoint of one tensor, named as numpy names the first of an archive. */
export function readNpy(file: Storage, name?: string): Checkpoint {
  const array = readArray(file, "arr_0", name);
  if (typeof array === "string") {
    throw new CheckpointError("unsupported-dtype", `the file holds ${array}, which makes no tensor`, name);
  }
  return {
    tensors: new Map([["arr_0", array]]),
    metadata: undefined,
    format: "npy",
    notes: [],
    refused: new Map(),
    globals: [],
    close: () => file.close?.(),
  };
}

/** Opens an archive of arrays. One that makes no tensor (objects, text) is refused by its name, and the rest loads. */
export function readNpz(file: Storage, entries: ReadonlyMap<string, ZipEntry>, name?: string): Checkpoint {
  const tensors = new Map<string, CheckpointTensor>();
  const refused = new Map<string, string>();
  for (const [path, entry] of entries) {
    const key = path.replace(/\.npy$/, "");
    const array = path.endsWith(".npy") ? readArray(entry.open(), key, name) : "no numpy array";
    if (typeof array === "string") refused.set(key, array);
    else tensors.set(key, array);
  }
  const notes = [...refused].slice(0, 5).map(([key, why]) => `${quote(key)} left out: ${why}`);
  if (refused.size > 5) notes.push(`... and ${refused.size - 5} more left out`);
  return { tensors, metadata: undefined, format: "npz", notes, refused, globals: [], close: () => file.close?.() };
}

/** An array as a tensor over its storage; why not, where its type makes none. */
function readArray(file: Storage, name: string, path: string | undefined): CheckpointTensor | string {
  const fail = (code: "bad-header" | "truncated" | "header-too-large", why: string): never => {
    throw new CheckpointError(code, `array ${quote(name)} ${why}`, path);
  };
  const head = readBytes(file, 0, Math.min(12, file.byteLength), path);
  if (!isNpy(head) || head.length < 10) fail("bad-header", "does not begin as numpy's files do");
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const version = head[6] as number;
  if (version < 1 || version > 3) fail("bad-header", `is of version ${version} of numpy's format, expected 1 to 3`);
  if (version > 1 && head.length < 12) fail("truncated", "ends inside its header");
  const begin = version === 1 ? 10 : 12;
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MAX_HEADER)
    fail("header-too-large", `would have a header of ${length} bytes, the limit is ${MAX_HEADER}`);
  if (begin + length > file.byteLength)
    fail("truncated", `has ${file.byteLength} bytes, its header alone ${begin + length}`);
  const bytes = readBytes(file, begin, begin + length, path);
  const header = parseNpyHeader(version === 3 ? utf8(bytes) : latin1(bytes));
  if (typeof header === "string") return fail("bad-header", `has a damaged header: ${header}`);
  const { shape, fortran } = header;
  const type: NumpyType | string = header.descr === undefined ? "an array of records" : numpyType(header.descr);
  if (typeof type === "string") return type;
  const { dtype, swap } = type;
  const size = ((sizeOf(shape) ?? Number.POSITIVE_INFINITY) * bitsOf(dtype)) / 8;
  const left = file.byteLength - begin - length;
  if (size > left)
    fail("truncated", `of ${dtype} [${shape}] takes ${size} bytes, ${left} are there: it is cut, get it again`);
  const data = sliceStorage(file, begin + length, begin + length + size);
  const storage = swappedStorage(data, swap);
  return viewTensor({ dtype, shape, storage, name, file: path, ...(fortran && { strides: columnMajor(shape) }) });
}

/** What a header says; `descr` is undefined where it is a list of fields. */
export interface NpyHeader {
  readonly descr: string | undefined;
  readonly fortran: boolean;
  readonly shape: readonly number[];
}

/** Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`, keys in any order; a sentence where it is not that. */
export function parseNpyHeader(text: string): NpyHeader | string {
  let rest = text.trim();
  if (!rest.startsWith("{") || !rest.endsWith("}")) return "no dict";
  rest = rest.slice(1, -1).trim();
  let descr: string | undefined;
  let fortran: boolean | undefined;
  let shape: number[] | undefined;
  const seen = new Set<string>();
  while (rest !== "") {
    const key = /^(['"])(descr|fortran_order|shape)\1\s*:\s*/.exec(rest);
    if (!key) return "a key other than descr, fortran_order and shape";
    if (seen.has(key[2] as string)) return `${key[2]} twice`;
    seen.add(key[2] as string);
    rest = rest.slice(key[0].length);
    const value = VALUES[key[2] as keyof typeof VALUES].exec(rest);
    if (!value) return `no value for ${key[2]}`;
    rest = rest.slice(value[0].length).trimStart();
    if (key[2] === "descr") descr = value[2];
    else if (key[2] === "fortran_order") fortran = value[1] === "True";
    else
      shape = (value[1] as string)
        .split(",")
        .flatMap((d) => (d.trim() === "" ? [] : [Number(d.trim().replace(/L$/, ""))]));
    if (rest.startsWith(",")) rest = rest.slice(1).trimStart();
    else if (rest !== "") return "text after a value";
  }
  if (!seen.has("descr") || fortran === undefined || shape === undefined)
    return "descr, fortran_order or shape is missing";
  if (shape.length > 64 || !shape.every((d) => Number.isSafeInteger(d))) return "a shape out of bounds";
  return { descr, fortran, shape };
}

const VALUES = {
  // a string, or a list of fields, which is passed over up to the next key
  descr: /^(?:(['"])([^'"\\]{0,100})\1|\[[^{}]*?\](?=\s*,\s*['"](?:fortran_order|shape)['"]|\s*,?\s*$))/,
  fortran_order: /^(True|False)/,
  shape: /^\(((?:\s*\d{1,16}L?\s*,)*(?:\s*\d{1,16}L?)?)\s*\)/,
} as const;
