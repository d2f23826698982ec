import { bitsOf, type DType, isDType, isFloat, layoutRank, sizeOf } from "./dtype.ts";
import { CheckpointError, quote } from "./errors.ts";
import { encodeBfloat16, encodeFloat16 } from "./half.ts";
import { toFloat32 } from "./tensor.ts";

/**
 * What can be written: a tensor of a checkpoint, an entry of a model's state dict, or a literal. Of `bytes`
 * (little-endian, row-major; as a method or as they are) and `float32`, one is enough; `dtype` is F32 unless given.
 */
export interface TensorSource {
  readonly dtype?: string;
  readonly shape: readonly number[];
  readonly bytes?: Uint8Array | (() => Uint8Array);
  float32?(): Float32Array;
}

/** How a checkpoint is written. */
export interface EncodeOptions {
  /** Written as `__metadata__`, in the order of its keys; nothing is written where it is undefined. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Stores every floating-point tensor in this type, rounded to nearest even. Others stay as they are. */
  readonly dtype?: "F32" | "F16" | "BF16" | undefined;
}

/**
 * Tensors to the bytes of a safetensors file. The layout is the reference's (widest type first, then by name, header
 * padded to 8 bytes): the same tensors give the same bytes in whatever order they come, and a file that Python wrote
 * comes back byte for byte.
 *
 * @throws CheckpointError ("bad-input", "duplicate-name") where the tensors make no checkpoint
 */
export function encodeSafetensors(
  tensors: Iterable<readonly [string, TensorSource]>,
  options: EncodeOptions = {},
): Uint8Array<ArrayBuffer> {
  const plan = planFile(tensors, options);
  const out = new Uint8Array(plan.byteLength);
  let at = 0;
  for (const chunk of plan.chunks()) {
    out.set(chunk, at);
    at += chunk.byteLength;
  }
  return out;
}

/**
 * The same bytes piece by piece (the header, then each tensor), for writing to a stream or a file: one tensor at a
 * time is in memory.
 */
export function safetensorsChunks(
  tensors: Iterable<readonly [string, TensorSource]>,
  options: EncodeOptions = {},
): Iterable<Uint8Array> {
  return planFile(tensors, options).chunks();
}

interface Planned {
  readonly name: string;
  readonly dtype: DType;
  readonly source: TensorSource;
  readonly size: number;
}

function planFile(
  tensors: Iterable<readonly [string, TensorSource]>,
  options: EncodeOptions,
): { byteLength: number; chunks: () => Iterable<Uint8Array> } {
  const planned: Planned[] = [];
  const names = new Set<string>();
  for (const [name, source] of tensors) {
    checkName(name);
    if (names.has(name)) throw new CheckpointError("duplicate-name", `two tensors are named ${quote(name)}`);
    names.add(name);
    planned.push(plan(name, source, options));
  }
  planned.sort((a, b) => layoutRank(b.dtype) - layoutRank(a.dtype) || compareCodePoints(a.name, b.name));

  // Put together as text: an object would move names that look like numbers, and lose "__proto__".
  const members: string[] = options.metadata === undefined ? [] : [`"__metadata__":${metadataJson(options.metadata)}`];
  let offset = 0;
  for (const { name, dtype, source, size } of planned) {
    const end = offset + size;
    members.push(
      `${JSON.stringify(name)}:{"dtype":"${dtype}","shape":[${source.shape}],"data_offsets":[${offset},${end}]}`,
    );
    offset = end;
  }
  const json = new TextEncoder().encode(`{${members.join(",")}}`);
  const header = new Uint8Array(8 + Math.ceil(json.byteLength / 8) * 8).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(header.byteLength - 8), true);
  header.set(json, 8);
  return {
    byteLength: header.byteLength + offset,
    *chunks() {
      yield header;
      for (const p of planned) yield valuesOf(p);
    },
  };
}

function plan(name: string, source: TensorSource, options: EncodeOptions): Planned {
  const fail = (why: string): never => {
    throw new CheckpointError("bad-input", `tensor ${quote(name)} ${why}`);
  };
  const stored = source.dtype ?? "F32";
  if (!isDType(stored)) return fail(`has the dtype ${quote(stored)}, which safetensors does not know`);
  if (!source.shape.every((d) => Number.isSafeInteger(d) && d >= 0)) fail(`has the shape [${source.shape}]`);
  const dtype = options.dtype !== undefined && isFloat(stored) ? options.dtype : stored;
  const size = ((sizeOf(source.shape) ?? fail(`has the shape [${source.shape}]`)) * bitsOf(dtype)) / 8;
  if (!Number.isSafeInteger(size)) fail(`of ${dtype} [${source.shape}] does not fill whole bytes`);
  if (source.bytes === undefined && (source.float32 === undefined || !isFloat(stored))) {
    fail(`of ${stored} brings no bytes to write`);
  }
  return { name, dtype, source, size };
}

function valuesOf({ name, dtype, source, size }: Planned): Uint8Array {
  const stored = (source.dtype ?? "F32") as DType;
  const given = source.bytes;
  let bytes: Uint8Array;
  if (given !== undefined && (stored === dtype || source.float32 === undefined)) {
    bytes = typeof given === "function" ? given.call(source) : given;
    if (stored !== dtype) bytes = convert(dtype, toFloat32(stored, bytes));
  } else {
    bytes = convert(dtype, (source.float32 as () => Float32Array).call(source));
  }
  if (bytes.byteLength !== size) {
    throw new CheckpointError(
      "bad-input",
      `tensor ${quote(name)} of ${dtype} [${source.shape}] takes ${size} bytes, ${bytes.byteLength} were given`,
    );
  }
  return bytes;
}

function convert(dtype: DType, values: Float32Array): Uint8Array {
  const out =
    dtype === "F16"
      ? encodeFloat16(values)
      : dtype === "BF16"
        ? encodeBfloat16(values)
        : dtype === "F64"
          ? new Float64Array(values)
          : values;
  return new Uint8Array(out.buffer, out.byteOffset, out.byteLength);
}

function metadataJson(metadata: Readonly<Record<string, string>>): string {
  const members = Object.entries(metadata).map(([key, value]) => {
    if (typeof value !== "string") {
      throw new CheckpointError(
        "bad-input",
        `the metadata ${quote(key)} is of type ${typeof value}, expected a string`,
      );
    }
    return `${JSON.stringify(key)}:${JSON.stringify(value)}`;
  });
  return `{${members.join(",")}}`;
}

function checkName(name: string): void {
  if (name === "__metadata__") throw new CheckpointError("bad-input", 'no tensor may be named "__metadata__"');
  if (/\p{Surrogate}/u.test(name)) {
    throw new CheckpointError("bad-input", `the name ${quote(name)} has half of a surrogate pair: it is no UTF-8`);
  }
}

/** The order of UTF-8 bytes, which is the order of code points (JavaScript's own is that of UTF-16 units). */
function compareCodePoints(a: string, b: string): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // Surrogates stand for code points above every other unit.
    const high = (c: number): boolean => c >= 0xd800 && c <= 0xdfff;
    return high(x) === high(y) ? x - y : high(x) ? 1 : -1;
  }
  return a.length - b.length;
}
