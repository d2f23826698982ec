import { bitsOf, type DType, isFloat, sizeOf } from "./dtype.ts";
import { CheckpointError, quote } from "./errors.ts";
import { decodeBfloat16, decodeFloat16 } from "./half.ts";
import { readBytes, type Storage } from "./storage.ts";

/**
 * One tensor of a checkpoint: a view, by strides, of a storage. Nothing is read before {@link float32} or
 * {@link bytes} is called, and nothing is kept afterwards. Two tensors may share one storage (tied weights).
 */
export interface CheckpointTensor {
  readonly dtype: DType;
  /** As the checkpoint states it, e.g. `[out, in, kh, kw]` for a convolution; `[]` for a scalar. */
  readonly shape: readonly number[];
  /** Elements from one index of an axis to the next. Row-major in safetensors, anything in other formats. */
  readonly strides: readonly number[];
  /** The first element's place in the storage, in elements. */
  readonly offset: number;
  readonly storage: Storage;
  /**
   * The values as fp32, row-major in `shape`: exact from F16 and BF16, rounded to nearest even from F64, integers
   * beyond 2^24 and 64-bit ones. Where nothing has to be converted it may be a view of the storage: do not write to it.
   */
  float32(): Float32Array;
  /** The values as stored (little-endian), row-major in `shape`. May be a view of the storage: do not write to it. */
  bytes(): Uint8Array;
}

/** What {@link viewTensor} takes. */
export interface TensorView {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly storage: Storage;
  /** Row-major unless given. */
  readonly strides?: readonly number[];
  readonly offset?: number;
  /** The tensor's name and file, for messages. */
  readonly name?: string;
  readonly file?: string | undefined;
}

/** A tensor over a storage. Throws a `CheckpointError` ("bad-tensor") unless every element lies inside the storage. */
export function viewTensor(view: TensorView): CheckpointTensor {
  const { dtype, shape, storage, strides = rowMajor(shape), offset = 0, name = "tensor", file } = view;
  const fail = (why: string): never => {
    throw new CheckpointError("bad-tensor", `tensor ${quote(name)} ${why}`, file);
  };
  if (strides.length !== shape.length) fail(`has ${shape.length} dimensions and ${strides.length} strides`);
  for (const n of [...shape, ...strides, offset]) {
    if (!Number.isSafeInteger(n) || n < 0) fail(`has ${n} as a size, stride or offset, expected a whole number`);
  }
  const size = sizeOf(shape) ?? fail(`has more elements than a file can hold: [${shape}]`);
  let last = size === 0 ? -1 : offset;
  if (size > 0) for (let axis = 0; axis < shape.length; axis++) last += at(strides, axis) * (at(shape, axis) - 1);
  if (!(((last + 1) * bitsOf(dtype)) / 8 <= storage.byteLength)) {
    fail(`reaches to element ${last} of ${dtype}, its storage has only ${storage.byteLength} bytes`);
  }
  return new StoredTensor(dtype, shape, view.strides, offset, storage, name, file);
}

/** A dense tensor that fills its storage, already checked. */
export function denseTensor(
  dtype: DType,
  shape: readonly number[],
  storage: Storage,
  name: string,
  file: string | undefined,
): CheckpointTensor {
  return new StoredTensor(dtype, shape, undefined, 0, storage, name, file);
}

class StoredTensor implements CheckpointTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly storage: Storage;
  private readonly given: readonly number[] | undefined; // a file may have a million tensors: dense strides are not kept
  private readonly name: string;
  private readonly file: string | undefined;

  constructor(
    dtype: DType,
    shape: readonly number[],
    strides: readonly number[] | undefined,
    offset: number,
    storage: Storage,
    name: string,
    file: string | undefined,
  ) {
    this.dtype = dtype;
    this.shape = shape;
    this.given = strides;
    this.offset = offset;
    this.storage = storage;
    this.name = name;
    this.file = file;
  }

  get strides(): readonly number[] {
    return this.given ?? rowMajor(this.shape);
  }

  bytes(): Uint8Array {
    const size = sizeOf(this.shape) as number; // checked when it was made
    const bits = bitsOf(this.dtype);
    if (size === 0) return new Uint8Array(0);
    if (this.given === undefined || isDense(this.shape, this.given)) {
      return readBytes(this.storage, (this.offset * bits) / 8, ((this.offset + size) * bits) / 8, this.file);
    }
    if (bits % 8 !== 0) {
      throw new CheckpointError(
        "unsupported-dtype",
        `tensor ${quote(this.name)} is a strided ${this.dtype}`,
        this.file,
      );
    }
    return gather(this, bits / 8, size, this.file);
  }

  float32(): Float32Array {
    if (isFloat(this.dtype) || /^[IU]\d|^BOOL$/.test(this.dtype)) return toFloat32(this.dtype, this.bytes());
    throw new CheckpointError(
      "unsupported-dtype",
      `tensor ${quote(this.name)} is ${this.dtype}, which this version does not turn into fp32; convert it to F16, BF16 or F32 first`,
      this.file,
    );
  }
}

/** Little-endian bytes of a dense tensor as fp32. */
export function toFloat32(dtype: DType, bytes: Uint8Array): Float32Array {
  const width = bitsOf(dtype) / 8;
  // Typed arrays need their alignment: a file's header may end anywhere, so then the bytes are copied.
  const b = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes); // not slice(): of a Buffer that is a view
  const n = b.byteLength / width;
  switch (dtype) {
    case "F32":
      return new Float32Array(b.buffer, b.byteOffset, n);
    case "F16":
      return decodeFloat16(new Uint16Array(b.buffer, b.byteOffset, n));
    case "BF16":
      return decodeBfloat16(new Uint16Array(b.buffer, b.byteOffset, n));
    case "F64":
      return new Float32Array(new Float64Array(b.buffer, b.byteOffset, n));
    case "I64":
      return fromBigInts(new BigInt64Array(b.buffer, b.byteOffset, n));
    case "U64":
      return fromBigInts(new BigUint64Array(b.buffer, b.byteOffset, n));
    case "I32":
      return new Float32Array(new Int32Array(b.buffer, b.byteOffset, n));
    case "U32":
      return new Float32Array(new Uint32Array(b.buffer, b.byteOffset, n));
    case "I16":
      return new Float32Array(new Int16Array(b.buffer, b.byteOffset, n));
    case "U16":
      return new Float32Array(new Uint16Array(b.buffer, b.byteOffset, n));
    case "I8":
      return new Float32Array(new Int8Array(b.buffer, b.byteOffset, n));
    case "U8":
      return new Float32Array(b);
    case "BOOL":
      return Float32Array.from(b, (v) => (v === 0 ? 0 : 1));
    default:
      throw new CheckpointError("unsupported-dtype", `${dtype} is not turned into fp32`);
  }
}

function fromBigInts(values: BigInt64Array | BigUint64Array): Float32Array {
  const out = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const v = values[i] as bigint;
    const n = Number(v);
    // Beyond 2^53 this has been rounded to fp64, and a second rounding could go wrong: the lowest of 52 bits stands for
    // all that is below it, so that no tie is seen where there is none.
    out[i] = Number.isSafeInteger(n) ? n : Number(((v >> 12n) | BigInt((v & 0xfffn) !== 0n)) << 12n);
  }
  return out;
}

/** The strides of a dense row-major tensor. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= at(shape, axis);
  }
  return strides;
}

/** The strides of Fortran's order: the first axis is the fastest. */
export function columnMajor(shape: readonly number[]): number[] {
  return rowMajor([...shape].reverse()).reverse();
}

function isDense(shape: readonly number[], strides: readonly number[]): boolean {
  const dense = rowMajor(shape);
  // The stride of an axis of one element is never used; torch writes anything there.
  return shape.every((d, axis) => d === 1 || at(strides, axis) === at(dense, axis));
}

/** Copies a strided view into row-major order, reading the range that it covers once. */
function gather(t: CheckpointTensor, width: number, size: number, file: string | undefined): Uint8Array {
  const { shape, strides } = t;
  const last = shape.reduce((sum, d, axis) => sum + at(strides, axis) * (d - 1), t.offset);
  const from = readBytes(t.storage, t.offset * width, (last + 1) * width, file);
  const out = new Uint8Array(size * width);
  const source = wordsOf(from, width);
  const target = wordsOf(out, width);
  const unit = width === 8 ? 2 : 1; // words of an element
  const axes = shape.length;
  const inner = axes === 0 ? 1 : at(shape, axes - 1);
  const step = axes === 0 ? 0 : at(strides, axes - 1) * unit;
  const index = new Array<number>(axes).fill(0);
  let row = 0; // where the innermost axis begins in the source
  for (let to = 0; to < target.length; ) {
    let place = row * unit;
    for (let i = 0; i < inner; i++, place += step)
      for (let u = 0; u < unit; u++) target[to++] = source[place + u] as number;
    for (let axis = axes - 2; axis >= 0; axis--) {
      row += at(strides, axis);
      index[axis] = at(index, axis) + 1;
      if (at(index, axis) < at(shape, axis)) break;
      row -= at(strides, axis) * at(shape, axis);
      index[axis] = 0;
    }
  }
  return out;
}

type Words = Uint8Array | Uint16Array | Uint32Array;

/** Bytes as the widest whole numbers that JavaScript moves fast: an element of 8 bytes is two of them. */
function wordsOf(bytes: Uint8Array, width: number): Words {
  const b = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes); // not slice(): of a Buffer that is a view
  const n = b.byteLength / width;
  if (width === 2) return new Uint16Array(b.buffer, b.byteOffset, n);
  if (width === 4) return new Uint32Array(b.buffer, b.byteOffset, n);
  if (width === 8) return new Uint32Array(b.buffer, b.byteOffset, 2 * n);
  return b;
}

function at(list: readonly number[], i: number): number {
  return list[i] as number;
}
