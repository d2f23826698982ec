import { quote } from "../errors.ts";

/**
 * What a pickle is read into. Plain things become plain values (`null`, booleans, numbers, bigints beyond 2^53, strings,
 * `Uint8Array`, arrays for lists and tuples alike); everything that has a class stays what it is here: inert.
 */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Value[]
  | PyDict
  | PySet
  | PyGlobal
  | PyObject
  | Built;

/** A name that a pickle would import. Nothing is imported; two of one name are not one object. */
export class PyGlobal {
  readonly module: string;
  readonly name: string;

  constructor(module: string, name: string) {
    this.module = module;
    this.name = name;
  }

  /** `torch.nn.Linear`; in quotes, and short, where it would not fit into a message. */
  get path(): string {
    const path = `${this.module}.${this.name}`;
    return /^[\w.<> ]{1,160}$/.test(path) ? path : quote(path);
  }
}

/** What a call would have made. Nothing is called: it is kept with what it was called with. */
export class PyObject {
  /** The class or function, or whatever stands in its place. */
  readonly callable: Value;
  readonly args: Value;
  /** What BUILD would have set, the last of it. */
  state: Value = null;
  /** What a subclass of dict would have held. */
  items: PyDict | undefined;

  constructor(callable: Value, args: Value) {
    this.callable = callable;
    this.args = args;
  }
}

/** A dict, an OrderedDict or a defaultdict. Most dicts of a hostile file are empty: a map is made for the first entry. */
export class PyDict {
  private map: Map<Value, Value> | undefined;

  get size(): number {
    return this.map?.size ?? 0;
  }

  set(key: Value, value: Value): void {
    this.map ??= new Map();
    this.map.set(key, value);
  }

  get(key: Value): Value | undefined {
    return this.map?.get(key);
  }

  entries(): Iterable<readonly [Value, Value]> {
    return this.map ?? [];
  }
}

/** A set: what was added to it, as often as it was. */
export class PySet {
  readonly items: Value[] = [];
}

/** A thing that a reader of one format builds, such as a tensor: told apart by `kind`. */
export interface Built {
  readonly kind: string;
}

/** "torch.nn.Linear" for a global, and for what a global would have made; undefined for anything else. */
export function globalOf(value: Value | undefined): string | undefined {
  let found = value;
  // A callable can be an object itself; a loop of them can be made, so few steps are taken.
  for (let i = 0; i < 8 && found instanceof PyObject; i++) found = found.callable;
  return found instanceof PyGlobal ? found.path : undefined;
}

/** Whether a value came with a class of its own and was built into nothing. */
export function isInert(value: Value | undefined): value is PyGlobal | PyObject {
  return value instanceof PyGlobal || value instanceof PyObject;
}

/** What a value is, for messages. */
export function describeValue(value: Value | undefined): string {
  if (value === null || value === undefined) return "None";
  if (Array.isArray(value)) return "a list";
  if (value instanceof Uint8Array) return "bytes";
  if (value instanceof PyDict) return "a dict";
  if (value instanceof PySet) return "a set";
  if (isInert(value)) return globalOf(value) ?? "an object";
  if (typeof value === "object") return (value as Built).kind;
  return typeof value === "string" ? "a string" : typeof value === "boolean" ? "a boolean" : "a number";
}
