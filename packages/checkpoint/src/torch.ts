/**
 * Checkpoints of torch: `torch.save`'s zip archive (since 1.6) and the legacy file of pickles and storages before it.
 * Only the pickles are read when a file is opened; a storage's bytes when a tensor of it is used. Nothing that a pickle
 * names is imported or called.
 */
import type { Checkpoint } from "./checkpoint.ts";
import { bitsOf, type DType, sizeOf } from "./dtype.ts";
import { CheckpointError, quote } from "./errors.ts";
import { numpyType } from "./numpy-dtype.ts";
import { latin1 } from "./pickle/literals.ts";
import { ByteReader } from "./pickle/reader.ts";
import { isNumpyArray, type NumpyArray, nameOf } from "./pickle/recipes.ts";
import { unpickle } from "./pickle/unpickle.ts";
import { describeValue, type Value } from "./pickle/values.ts";
import { findState, whyNoTensor } from "./state-dict.ts";
import { memoryStorage, type Storage, sliceStorage, swappedStorage } from "./storage.ts";
import { type CheckpointTensor, columnMajor, viewTensor } from "./tensor.ts";
import { torchRecipes } from "./torch-recipes.ts";
import { isTensor, type TorchStorage, type TorchTensor } from "./torch-types.ts";
import type { ZipEntry } from "./zip.ts";

/** The magic number that legacy files begin with, as a pickle. */
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;
const LEGACY_PROTOCOL = 1001;
/** A tensor that repeats its storage (a stride of 0) may be larger than the file holds, up to this many bytes. */
const MOST_REPEATED = 64 * 2 ** 20;

/** Which part of a file is read, and what to call it. */
export interface TorchOptions {
  readonly name?: string | undefined;
  readonly part?: string | undefined;
}

/** The entry of the archive that a checkpoint's values are in, if this is one of torch. */
export function torchRecord(entries: ReadonlyMap<string, ZipEntry>): ZipEntry | undefined {
  for (const [name, entry] of entries) if (/^[^/]*\/data\.pkl$/.test(name)) return entry;
  return entries.get("data.pkl");
}

/** Opens an archive of `torch.save`. */
export function readTorchZip(
  file: Storage,
  entries: ReadonlyMap<string, ZipEntry>,
  record: ZipEntry,
  options: TorchOptions,
): Checkpoint {
  const { name } = options;
  const root = record.name.slice(0, -"data.pkl".length);
  const used = new Map<string, TorchStorage>();
  const recipes = torchRecipes(used, name);
  const value = unpickle(new ByteReader(record.open(), name), recipes, name);
  const order = entries.get(`${root}byteorder`)?.open();
  const big = order !== undefined && order.byteLength < 16 && latin1(order.bytes(0, order.byteLength)) === "big";
  const opened = new Map<string, Storage>();
  const open = (storage: TorchStorage): Storage => {
    let bytes = opened.get(storage.key);
    if (bytes === undefined) {
      const entry = entries.get(`${root}data/${storage.key}`);
      if (entry === undefined) {
        throw new CheckpointError(
          "bad-archive",
          `the archive has no storage ${quote(storage.key)}, which a tensor needs: it is damaged`,
          name,
        );
      }
      bytes = entry.open();
      opened.set(storage.key, bytes);
    }
    return bytes;
  };
  const format = entries.has(`${root}constants.pkl`) ? "torchscript" : "torch";
  return checkpointOf(value, format, file, options, { open, swap: big, globals: recipes.globals });
}

/** Whether a file begins as the legacy format does: a pickle of its magic number. */
export function isTorchLegacy(head: Uint8Array): boolean {
  const text = latin1(head.subarray(0, 32));
  // LONG1 of ten bytes, behind PROTO and from protocol 4 on a FRAME; protocols 0 and 1 write it in words.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: bytes, not text
  return /^\x80[\x02-\x05](\x95.{8})?\x8a\x0a\x6c\xfc\x9c\x46/s.test(text) || text.startsWith(`L${LEGACY_MAGIC}L`);
}

/** Opens a legacy file: five pickles (magic, protocol, system, values, keys), then each storage's length and bytes. */
export function readTorchLegacy(file: Storage, options: TorchOptions): Checkpoint {
  const { name } = options;
  const used = new Map<string, TorchStorage>();
  const recipes = torchRecipes(used, name);
  const reader = new ByteReader(file, name);
  const next = (): Value => unpickle(reader, recipes, name);
  const bad = (why: string): never => {
    throw new CheckpointError("bad-pickle", `the legacy file of torch ${why}: it is damaged, get it again`, name);
  };
  if (next() !== LEGACY_MAGIC) bad("does not begin with its magic number");
  const protocol = next();
  if (protocol !== LEGACY_PROTOCOL) bad(`is of protocol ${describeValue(protocol)}, expected ${LEGACY_PROTOCOL}`);
  next(); // the system that wrote it: whatever it was, numbers are stored little-endian
  const value = next();
  const keys = next();
  if (!Array.isArray(keys)) return bad("has no list of storages");
  const places = new Map<string, Storage>();
  for (const key of keys) {
    const storage = used.get(nameOf(key) ?? "");
    if (storage === undefined) return bad(`lists a storage ${JSON.stringify(nameOf(key))} that no tensor has`);
    if (storage.dtype === undefined) return bad("has a storage of no type");
    const numel = reader.uint64();
    const length = (numel * bitsOf(storage.dtype)) / 8;
    if (!(length <= reader.left)) {
      throw new CheckpointError(
        "truncated",
        `storage ${quote(storage.key)} claims ${length} bytes, ${reader.left} are left: the file is cut, get it again`,
        name,
      );
    }
    if (!places.has(storage.key))
      places.set(storage.key, sliceStorage(file, reader.position, reader.position + length));
    reader.skipTo(reader.position + length);
  }
  const open = (storage: TorchStorage): Storage =>
    places.get(storage.key) ?? bad(`has no bytes for storage ${JSON.stringify(storage.key.slice(0, 40))}`);
  return checkpointOf(value, "torch-legacy", file, options, { open, swap: false, globals: recipes.globals });
}

/** Where storages lie in a file, whether their numbers are big-endian, and which globals its pickles name. */
interface Place {
  open(storage: TorchStorage): Storage;
  readonly globals: ReadonlySet<string>;
  readonly swap: boolean;
}

function checkpointOf(
  value: Value,
  format: "torch" | "torch-legacy" | "torchscript",
  file: Storage,
  { name, part }: TorchOptions,
  place: Place,
): Checkpoint {
  const state = findState(value, part, name);
  const tensors = new Map<string, CheckpointTensor>();
  const refused = new Map<string, string>();
  const build = tensorBuilder(place, name);
  let plain = 0;
  for (const [key, item] of state.entries) {
    if (isTensor(item)) tensors.set(key, build(key, item));
    else if (isNumpyArray(item)) {
      const array = arrayTensor(key, item, name);
      if (typeof array === "string") refused.set(key, array);
      else tensors.set(key, array);
    } else {
      const why = whyNoTensor(item);
      if (why?.needed) {
        throw new CheckpointError(
          "forbidden-global",
          `tensor ${quote(key)} could only be made by calling ${why.path}, and nothing in a checkpoint is called; save it as a plain tensor`,
          name,
        );
      }
      if (why) refused.set(key, `made by ${why.path}, which is never called`);
      else plain++;
    }
  }
  const notes = [...state.notes];
  if (plain > 0) notes.push(`${plain} ${plain === 1 ? "entry that is" : "entries that are"} no tensor left out`);
  for (const [key, why] of [...refused].slice(0, 5)) notes.push(`${quote(key)} left out: ${why}`);
  return {
    tensors,
    metadata: undefined,
    format: format === "torchscript" ? "torch" : format,
    part: state.part,
    notes,
    refused,
    globals: [...place.globals],
    close: () => file.close?.(),
  };
}

/** Makes tensors of one file: those of one storage share it, whatever their types. */
function tensorBuilder(
  place: Place,
  file: string | undefined,
): (name: string, tensor: TorchTensor) => CheckpointTensor {
  const storages = new Map<string, Storage>();
  return (name, tensor) => {
    const { dtype, shape, strides, offset, storage } = tensor;
    const fail = (why: string): never => {
      throw new CheckpointError("bad-tensor", `tensor ${quote(name)} ${why}`, file);
    };
    const swap = place.swap ? swapWidth(dtype) : 0; // each type is turned in its own width
    const id = `${storage.view?.offset}:${storage.view?.numel}:${swap}:${storage.key}`;
    let bytes = storages.get(id);
    if (bytes === undefined) {
      const width = storage.dtype === undefined ? 1 : bitsOf(storage.dtype) / 8;
      bytes = place.open(storage);
      if (storage.numel * width > bytes.byteLength) {
        fail(
          `has a storage that claims ${storage.numel * width} bytes, the file has ${bytes.byteLength} of it: it is cut or damaged`,
        );
      }
      if (storage.view) {
        const begin = storage.view.offset * width;
        const end = begin + storage.view.numel * width;
        if (!(end <= bytes.byteLength))
          fail(`has a part of a storage that reaches to byte ${end} of ${bytes.byteLength}`);
        bytes = sliceStorage(bytes, begin, end);
      }
      bytes = swappedStorage(bytes, swap);
      storages.set(id, bytes);
    }
    const size = ((sizeOf(shape) ?? Number.POSITIVE_INFINITY) * bitsOf(dtype)) / 8;
    if (size > Math.max(bytes.byteLength, MOST_REPEATED)) {
      fail(`of ${dtype} [${shape}] would take ${size} bytes, its storage has ${bytes.byteLength}`);
    }
    return viewTensor({ dtype, shape, strides, offset, storage: bytes, name, file });
  };
}

/** Bytes of one number: a complex one is two. */
function swapWidth(dtype: DType): 0 | 2 | 4 | 8 {
  const width = dtype === "C64" ? 4 : bitsOf(dtype) / 8;
  return width === 2 || width === 4 || width === 8 ? width : 0;
}

/** An array of numpy that a pickle holds; why not, where it makes no tensor. */
function arrayTensor(name: string, array: NumpyArray, file: string | undefined): CheckpointTensor | string {
  const type = numpyType(array.descr);
  if (typeof type === "string") return type;
  const { dtype, swap } = type;
  const raw = memoryStorage(array.bytes);
  const storage = swappedStorage(raw, swap);
  const { shape } = array;
  if (((sizeOf(shape) ?? -1) * bitsOf(dtype)) / 8 !== array.bytes.byteLength) {
    return `an array of ${dtype} [${shape}] with ${array.bytes.byteLength} bytes`;
  }
  return viewTensor({ dtype, shape, storage, name, file, ...(array.fortran && { strides: columnMajor(shape) }) });
}
