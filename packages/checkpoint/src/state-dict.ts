/** Finds the named tensors in what a pickle of torch holds. */
import { CheckpointError, quote } from "./errors.ts";
import { isNumpyArray, nameOf } from "./pickle/recipes.ts";
import { describeValue, globalOf, isInert, PyDict, PyObject, type Value } from "./pickle/values.ts";
import { isStorage, isTensor } from "./torch-types.ts";

/** The named values of a file, and where they were found. */
export interface FoundState {
  readonly entries: ReadonlyMap<string, Value>;
  /** The key of the part; undefined where the file is one dict of tensors. */
  readonly part: string | undefined;
  /** What was decided, a sentence each. */
  readonly notes: readonly string[];
}

/** timm's order (`timm/models/_helpers.py`, `load_state_dict`): an average of the weights comes before the weights. */
const PARTS = ["state_dict_ema", "model_ema", "state_dict", "model"] as const;

/**
 * @param wanted the key of the part to take, in place of the first of timm's order that is there
 * @throws CheckpointError ("no-state-dict", "forbidden-global")
 */
export function findState(root: Value, wanted: string | undefined, file: string | undefined): FoundState {
  const top = dictOf(root);
  const finder = new Finder();
  const fail = (why: string): never => {
    throw new CheckpointError("no-state-dict", why, file);
  };
  if (wanted !== undefined) {
    const value = top?.get(wanted);
    const found = value === undefined ? undefined : finder.tensorsIn(value);
    if (found === undefined) {
      return fail(`there are no tensors under ${quote(wanted)}; the file has ${listOf(top)}`);
    }
    return { entries: found, part: wanted, notes: [] };
  }
  if (top !== undefined) {
    for (const key of PARTS) {
      const value = top.get(key);
      if (value === undefined || value === null) continue; // an average that was not kept is None
      const entries = finder.tensorsIn(value);
      if (entries === undefined) continue;
      const others = [...top.entries()].flatMap(([k, v]) => {
        const name = nameOf(k);
        return name !== undefined && name !== key && finder.tensorsIn(v) !== undefined ? [name] : [];
      });
      const rest = others.length === 0 ? "" : `; the file also has ${others.slice(0, 5).map(quote).join(", ")}`;
      return { entries, part: key, notes: [`the tensors are those under ${quote(key)}${rest}`] };
    }
  }
  const entries = finder.tensorsIn(root);
  if (entries !== undefined) {
    const notes = top === undefined ? [`the tensors are those of a pickled ${globalOf(root)}`] : [];
    return { entries, part: undefined, notes };
  }
  const inner = top
    ? [...top.entries()].filter(([, v]) => finder.tensorsIn(v) !== undefined).map(([k]) => nameOf(k) ?? "")
    : [];
  if (inner.length > 0) {
    return fail(
      `there are no tensors at the top of the file; say which part to take: ${inner.slice(0, 8).map(quote).join(", ")}`,
    );
  }
  if (isInert(root)) {
    throw new CheckpointError(
      "forbidden-global",
      `the file holds what ${globalOf(root) ?? "an object"} would make, which is never called; save the model's state_dict() in its place`,
      file,
    );
  }
  return fail(`there are no tensors in the file: it has ${top ? listOf(top) : describeValue(root)}`);
}

/** What a tensor lacks that is none, for an error or a note: the global that would have to be called. */
export function whyNoTensor(value: Value): { readonly path: string; readonly needed: boolean } | undefined {
  const path = globalOf(value);
  if (path === undefined) return undefined;
  const args = value instanceof PyObject && Array.isArray(value.args) ? value.args.slice(0, 16) : [];
  const flat = args.flatMap((a) => (Array.isArray(a) ? a.slice(0, 16) : [a]));
  // A tensor of a kind that has no recipe: it is built of storages or tensors, or by one of torch's own functions.
  const needed = /^torch\._(utils|tensor)\._rebuild/.test(path) || flat.some((a) => isStorage(a) || isTensor(a));
  if (!needed) return { path, needed };
  // A plain tensor lacks what one of its arguments would be; any other kind is not known itself.
  const plain = /^torch\._utils\._rebuild_(tensor(_v[23])?|parameter)$/.test(path);
  const blamed = plain ? flat.map((arg) => (isInert(arg) ? globalOf(arg) : undefined)) : [];
  return {
    path: blamed.find((p) => p !== undefined && !/^torch\.(float|int|uint|bool|bfloat|complex)\d*\w*$/.test(p)) ?? path,
    needed,
  };
}

function dictOf(value: Value): PyDict | undefined {
  if (value instanceof PyDict) return value;
  return value instanceof PyObject ? value.items : undefined;
}

/** Values that are looked at for all parts of a file together: pickles can show one dict under a million keys. */
const MOST_VALUES = 2 ** 22;
const MOST_DEPTH = 64;

/** A module in another. */
interface Part {
  readonly module: Value;
  readonly prefix: string;
  readonly depth: number;
}

class Finder {
  private left = MOST_VALUES;
  private readonly seen = new Map<Value, ReadonlyMap<string, Value> | undefined>();

  /** The named values of a dict that holds a tensor, or of a pickled module; undefined for anything else. */
  tensorsIn(value: Value): ReadonlyMap<string, Value> | undefined {
    if (this.seen.has(value)) return this.seen.get(value);
    const dict = dictOf(value);
    const found =
      dict !== undefined ? this.collectDict(dict) : value instanceof PyObject ? this.collectModule(value) : undefined;
    this.seen.set(value, found);
    return found;
  }

  private collectDict(dict: PyDict): ReadonlyMap<string, Value> | undefined {
    const named = new Map<string, Value>();
    let tensors = 0;
    for (const [key, item] of dict.entries()) {
      if (this.left-- <= 0) break;
      const name = nameOf(key);
      if (name === undefined) continue;
      named.set(name, item);
      if (isTensor(item) || isNumpyArray(item) || whyNoTensor(item)?.needed) tensors++;
    }
    return tensors > 0 ? named : undefined;
  }

  /** A module of TorchScript has its tensors and its parts side by side, as attributes. */
  private collectScript(state: PyDict, { prefix, depth }: Part, named: Map<string, Value>, queue: Part[]): boolean {
    for (const [key, value] of state.entries()) {
      if (this.left-- <= 0) return false;
      if (typeof key !== "string" || key.length >= 256) continue;
      if (isTensor(value)) named.set(prefix + key, value);
      else if (value instanceof PyObject && depth < MOST_DEPTH) {
        queue.push({ module: value, prefix: `${prefix}${key}.`, depth: depth + 1 });
      }
    }
    return true;
  }

  /** The parameters and buffers of an `nn.Module` that was pickled whole, by the names that its state_dict has. */
  private collectModule(root: PyObject): ReadonlyMap<string, Value> | undefined {
    const named = new Map<string, Value>();
    const queue: Part[] = [{ module: root, prefix: "", depth: 0 }];
    for (let i = 0; i < queue.length; i++) {
      const next = queue[i] as Part;
      const state = next.module instanceof PyObject ? next.module.state : undefined;
      if (!(state instanceof PyDict)) continue;
      if (globalOf(next.module)?.startsWith("__torch__.")) {
        if (!this.collectScript(state, next, named, queue)) return undefined;
        continue;
      }
      for (const kind of ["_parameters", "_buffers"]) {
        for (const [key, value] of dictOf(state.get(kind) ?? null)?.entries() ?? []) {
          if (this.left-- <= 0) return undefined;
          if (typeof key === "string" && value !== null) named.set(next.prefix + key, value);
        }
      }
      if (next.depth >= MOST_DEPTH) continue; // a module in itself
      for (const [key, value] of dictOf(state.get("_modules") ?? null)?.entries() ?? []) {
        if (this.left-- <= 0) return undefined;
        if (typeof key === "string" && key.length < 256) {
          queue.push({ module: value, prefix: `${next.prefix}${key}.`, depth: next.depth + 1 });
        }
      }
    }
    return named.size > 0 ? named : undefined;
  }
}

function listOf(top: PyDict | undefined): string {
  if (top === undefined) return "no dict";
  const keys = [...top.entries()].map(([key, value]) => `${quote(nameOf(key) ?? "?")} (${describeValue(value)})`);
  if (keys.length === 0) return "an empty dict";
  return keys.slice(0, 8).join(", ") + (keys.length > 8 ? ", ..." : "");
}
