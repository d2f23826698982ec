/** What every pickle may hold beyond plain values, built from what is in the file alone: containers and numpy arrays. */
import { latin1 } from "./literals.ts";
import { type Built, PyDict, type PyGlobal, PySet, type Value } from "./values.ts";

/** `numpy.dtype` */
export interface NumpyDType extends Built {
  readonly kind: "a numpy dtype";
  /** Such as `f4`, without its byte order. */
  readonly code: string;
  order: string;
}

/** `numpy.ndarray`, or a numpy scalar: an array without axes. */
export interface NumpyArray extends Built {
  readonly kind: "a numpy array";
  shape: readonly number[];
  /** With its byte order, e.g. `<f4`; `O` before the state is set, and for objects. */
  descr: string;
  fortran: boolean;
  bytes: Uint8Array;
}

export function isNumpyArray(value: Value | undefined): value is NumpyArray {
  return isBuilt(value) && value.kind === "a numpy array";
}

/** Whether a value was built by a recipe. */
export function isBuilt(value: Value | undefined): value is Built {
  return typeof value === "object" && value !== null && "kind" in value;
}

/** The recipes for containers and numpy; undefined for any other global, and where the arguments do not fit. */
export function callCommon(global: PyGlobal, args: readonly Value[], charge: (n: number) => void): Value | undefined {
  const module = global.module.replace(/^numpy\._core\./, "numpy.core.").replace(/^__builtin__$/, "builtins");
  const [first, second] = args;
  switch (`${module}.${global.name}`) {
    case "collections.OrderedDict":
    case "builtins.dict":
      return first === undefined ? new PyDict() : dictOf(first, charge);
    case "collections.defaultdict":
      return new PyDict();
    case "builtins.set":
    case "builtins.frozenset": {
      const set = new PySet();
      if (Array.isArray(first)) {
        charge(first.length);
        for (const item of first) set.items.push(item);
      }
      return set;
    }
    case "builtins.list":
    case "builtins.tuple":
    case "torch.Size":
      return first === undefined ? [] : Array.isArray(first) ? first : undefined;
    case "builtins.bytearray":
    case "builtins.bytes":
    case "_codecs.encode": // bytes in protocol 2: text and "latin1"
      return first === undefined ? new Uint8Array(0) : bytesOf(first, charge);
    case "numpy.dtype":
      return typeof first === "string" ? numpyDType(first) : undefined;
    case "numpy.core.multiarray._reconstruct":
      return numpyArray([], "O", false, new Uint8Array(0)); // filled by its state
    case "numpy.core.multiarray.scalar":
      return isDType(first) && second instanceof Uint8Array ? numpyArray([], descrOf(first), false, second) : undefined;
    case "numpy.core.numeric._frombuffer": {
      const [bytes, dtype, shape, order] = args;
      if (!(bytes instanceof Uint8Array) || !isDType(dtype) || !isShape(shape)) return undefined;
      return numpyArray(shape, descrOf(dtype), order === "F", bytes);
    }
    default:
      return undefined;
  }
}

/** BUILD for what {@link callCommon} made. */
export function setCommonState(value: Value, state: Value, charge: (n: number) => void): boolean {
  if (!Array.isArray(state)) return false;
  if (isDType(value)) {
    if (typeof state[1] === "string") value.order = state[1];
    return true;
  }
  if (!isNumpyArray(value)) return false;
  const [, shape, dtype, fortran, data] = state;
  if (!isShape(shape) || !isDType(dtype)) return false;
  const bytes = data === undefined || Array.isArray(data) ? undefined : bytesOf(data, charge);
  value.shape = shape;
  value.descr = bytes === undefined ? "O" : descrOf(dtype); // objects come as a list
  value.fortran = fortran === true;
  value.bytes = bytes ?? new Uint8Array(0);
  return true;
}

/** Whole numbers, not below zero. */
export function isShape(value: Value | undefined): value is number[] {
  return (
    Array.isArray(value) && value.length <= 64 && value.every((d) => Number.isSafeInteger(d) && (d as number) >= 0)
  );
}

function dictOf(pairs: Value, charge: (n: number) => void): PyDict | undefined {
  const dict = new PyDict();
  const entries = pairs instanceof PyDict ? [...pairs.entries()] : pairs;
  if (!Array.isArray(entries)) return undefined;
  charge(entries.length);
  for (const pair of entries) {
    if (!Array.isArray(pair) || pair.length !== 2) return undefined;
    dict.set(pair[0] as Value, pair[1] as Value);
  }
  return dict;
}

/** Bytes as they are, or the Latin-1 text that stands for them in protocol 2 and in Python 2. */
function bytesOf(value: Value, charge: (n: number) => void): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  if (typeof value !== "string") return undefined;
  charge(value.length);
  const bytes = new Uint8Array(value.length);
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code > 255) return undefined;
    bytes[i] = code;
  }
  return bytes;
}

function numpyDType(code: string): NumpyDType {
  return { kind: "a numpy dtype", code: code.replace(/^[<>=|]/, ""), order: /^[<>]/.exec(code)?.[0] ?? "|" };
}

function numpyArray(shape: readonly number[], descr: string, fortran: boolean, bytes: Uint8Array): NumpyArray {
  return { kind: "a numpy array", shape, descr, fortran, bytes };
}

function isDType(value: Value | undefined): value is NumpyDType {
  return isBuilt(value) && value.kind === "a numpy dtype";
}

function descrOf({ code, order }: NumpyDType): string {
  return `${/^[<>=|]$/.test(order) ? order : "|"}${code}`;
}

/** A name in bytes that is longer is none: it would be made into text again wherever the pickle shows it. */
const MOST_NAME = 4096;

/** A key of a dict as a name: text, or a whole number. */
export function nameOf(key: Value): string | undefined {
  if (typeof key === "string") return key;
  if (key instanceof Uint8Array) return key.length <= MOST_NAME ? latin1(key) : undefined;
  return typeof key === "number" && Number.isSafeInteger(key) ? String(key) : undefined;
}
