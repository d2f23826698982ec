import {
  createRng,
  type NamedTensor,
  type StateDict,
  type Tensor2D,
  tensor,
  type Variable,
  variable,
} from "@vitrail/tensor";
import type { Context } from "./context.ts";
import { checkpointMismatch, type Problems } from "./errors.ts";
import type { Init } from "./init.ts";
import { invertPermutation, permuteShape, permuteValues } from "./permute.ts";

/** One named tensor of a model. */
export interface Param {
  readonly variable: Variable;
  /** The shape in the checkpoint; the variable holds it permuted by `permute`. */
  readonly checkpointShape: readonly number[];
  /** Applied on read, undone on write: axis i of the variable is axis permute[i] of the checkpoint's tensor. */
  readonly permute: readonly number[] | undefined;
  /** False for buffers such as BatchNorm's running statistics. */
  readonly trainable: boolean;
  /** One more store holds the variable. */
  retain(): void;
  /** One store less; the last one frees the variable. */
  release(): void;
}

/** How {@link Params.get} fills, lays out and treats a parameter. */
export interface ParamOptions {
  /** Fills the parameter where no checkpoint does. */
  readonly init: Init;
  /** From the checkpoint's axes to ours, e.g. `[2, 3, 1, 0]` for OIHW to HWIO. */
  readonly permute?: readonly number[];
  /** False for buffers. Default true. */
  readonly trainable?: boolean;
}

/** What is added to a linear layer's answer: [n, in] -> [n, out]. See `addLora`. */
export interface LowRank {
  forward(x: Tensor2D, ctx: Context): Tensor2D;
}

/** Says, for a linear layer at a path, what is to be added to its answer; its parameters lie under the layer's. */
export type LowRankPlan = (p: Params, inDim: number, outDim: number) => LowRank | undefined;

/** A path into a tree of named tensors: what a layer's constructor asks for its parameters. */
export interface Params {
  /** Names so far, joined by dots; `""` at the root. */
  readonly path: string;
  /** The subtree under `name`. */
  at(name: string | number): Params;
  /** The parameter `path.name`, whose shape in the checkpoint is `checkpointShape`. */
  get(name: string, checkpointShape: readonly number[], options: ParamOptions): Variable;
  /** Linear layers ask it what is added to their answer; undefined for nothing anywhere. */
  readonly lowRank?: LowRankPlan | undefined;
}

/** The parameters of a model: owns (or shares) their memory, writes them back. */
export interface ParamStore extends Params {
  at(name: string | number): ParamStore;
  /** Every parameter under this path, by its name from here, in the order of construction. */
  named(): ReadonlyMap<string, Param>;
  /** What a checkpoint of everything under this path holds: torch's names, shapes and layout, fp32. Values are read when asked for. */
  stateDict(): StateDict;
  /**
   * Throws one error (`code: "checkpoint-mismatch"`) that lists everything that did not fit. `ignore` passes over names
   * that the checkpoint has and the model lacks; `num_batches_tracked` is always passed over.
   */
  assertAllRead(options?: { readonly ignore?: (name: string) => boolean }): void;
  /** Takes over a share of every parameter of `other`, under this path: for modules that were built elsewhere. */
  mount(other: ParamStore): void;
  /** Gives up everything under this path; what no other store shares is freed. */
  dispose(): void;
}

/** Where parameters come from. */
interface Source {
  /** The parameter's values in the checkpoint's layout, or a parameter to share, or undefined where there is none. */
  take(name: string): NamedTensor | Param | "init" | undefined;
  /** All names there are. */
  names(): Iterable<string>;
}

/** Parameters filled by their initialisers, each from its own stream of `seed`. */
export function initParams(seed: number): ParamStore {
  return createStore({ take: () => "init", names: () => [] }, seed);
}

/**
 * Parameters read from a checkpoint, strictly in both directions: build the model, then call `assertAllRead()`.
 * Names for which `fresh` says true come from their initialisers (and `seed`), whether the checkpoint has them or not.
 */
export function loadParams(
  dict: StateDict,
  { fresh = () => false, seed = 0 }: { readonly fresh?: (name: string) => boolean; readonly seed?: number } = {},
): ParamStore {
  return createStore(
    {
      take: (name) => (fresh(name) ? "init" : dict.get(name)),
      names: () => [...dict.keys()].filter((name) => !fresh(name)),
    },
    seed,
  );
}

/**
 * The parameters of another store, shared and not copied; names for which `fresh` says true are new. Either store can be
 * disposed first: a variable is freed with its last store.
 */
export function shareParams(
  store: ParamStore,
  {
    fresh,
    seed = 0,
    lowRank = store.lowRank,
  }: {
    readonly fresh: (name: string) => boolean;
    readonly seed?: number;
    readonly lowRank?: LowRankPlan | undefined;
  },
): ParamStore {
  const params = store.named();
  return createStore({ take: (name) => (fresh(name) ? "init" : params.get(name)), names: () => [] }, seed, lowRank);
}

/** `variable` under the care of the stores that hold it; the first holder is counted. */
function createParam(
  value: Variable,
  checkpointShape: readonly number[],
  permute: readonly number[] | undefined,
  trainable: boolean,
): Param {
  let holders = 1;
  return {
    variable: value,
    checkpointShape: [...checkpointShape],
    permute,
    trainable,
    retain() {
      holders++;
    },
    release() {
      holders--;
      if (holders === 0) value.dispose();
    },
  };
}

const sameShape = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((d, i) => d === b[i]);
const show = (shape: readonly number[]) => `[${shape.join(", ")}]`;
const isParam = (x: NamedTensor | Param): x is Param => "variable" in x;
/** torch counts batches in BatchNorm; nothing here reads the count, and older checkpoints lack it. */
const isBatchCounter = (name: string) => name === "num_batches_tracked" || name.endsWith(".num_batches_tracked");

function createStore(source: Source, seed: number, lowRank?: LowRankPlan): ParamStore {
  const params = new Map<string, Param>();
  const asked = new Set<string>();
  const problems: Problems = { missing: [], unread: [], misshaped: [], readTwice: [] };
  const rng = createRng(seed);

  const failed = () => problems.missing.length + problems.misshaped.length + problems.readTwice.length > 0;
  /** Stands in for a parameter that cannot be had, so that construction goes on and finds the other problems. */
  const placeholder = (name: string, trainable: boolean) => {
    const param = createParam(makeVariable(new Float32Array(1), [], trainable), [], undefined, trainable);
    params.set(`${name}?${params.size}`, param);
    return param.variable;
  };

  const get = (name: string, shape: readonly number[], options: ParamOptions): Variable => {
    const { init, permute, trainable = true } = options;
    if (asked.has(name)) {
      problems.readTwice.push(name);
      return placeholder(name, trainable);
    }
    asked.add(name);
    const found = source.take(name);
    if (found === undefined) {
      problems.missing.push(name);
      return placeholder(name, trainable);
    }
    if (found !== "init") {
      const foundShape = isParam(found) ? found.checkpointShape : found.shape;
      if (!sameShape(foundShape, shape)) {
        problems.misshaped.push(`parameter ${name}: expected shape ${show(shape)}, found ${show(foundShape)}`);
        return placeholder(name, trainable);
      }
      if (isParam(found)) {
        found.retain();
        params.set(name, found);
        return found.variable;
      }
    }
    if (failed()) return placeholder(name, trainable); // the load will be refused: read no more
    const values = found === "init" ? init(shape, rng.at(name)) : found.float32();
    // A view into a whole file would keep the file in memory for as long as the model lives.
    const owned = values.byteLength < values.buffer.byteLength ? () => values.slice() : () => values;
    const laidOut = permute ? permuteValues(values, shape, permute) : owned();
    const param = createParam(
      makeVariable(laidOut, permuteShape(shape, permute), trainable),
      shape,
      permute,
      trainable,
    );
    params.set(name, param);
    return param.variable;
  };

  const mount = (path: string, other: ParamStore) => {
    for (const [inner, param] of other.named()) {
      const name = path === "" ? inner : `${path}.${inner}`;
      if (params.get(name) === param) continue; // built from this store in the first place
      if (asked.has(name)) {
        problems.readTwice.push(name);
        continue;
      }
      asked.add(name);
      const found = source.take(name);
      if (found === undefined) problems.missing.push(name);
      else if (found !== "init" && !isParam(found)) {
        const { checkpointShape: shape, permute } = param;
        if (!sameShape(found.shape, shape)) {
          problems.misshaped.push(`parameter ${name}: expected shape ${show(shape)}, found ${show(found.shape)}`);
        } else if (!failed()) {
          const values = permute ? permuteValues(found.float32(), shape, permute) : found.float32().slice();
          const value = tensor(values, permuteShape(shape, permute));
          param.variable.assign(value);
          value.dispose();
        }
      }
      param.retain();
      params.set(name, param);
    }
  };

  const view = (path: string): ParamStore => {
    const full = (name: string | number) => (path === "" ? String(name) : `${path}.${name}`);
    const under = (name: string) => path === "" || name.startsWith(`${path}.`);
    const local = (name: string) => (path === "" ? name : name.slice(path.length + 1));
    const named = () =>
      new Map([...params].filter(([name]) => under(name)).map(([name, p]) => [local(name), p] as const));
    return {
      path,
      lowRank,
      at: (name) => view(full(name)),
      get: (name, shape, options) => get(full(name), shape, options),
      named,
      stateDict: () => new Map([...named()].map(([name, param]) => [name, toNamedTensor(param)] as const)),
      mount: (other) => mount(path, other),
      assertAllRead({ ignore = () => false } = {}) {
        const skip = (name: string) => !under(name) || isBatchCounter(name) || ignore(name);
        const found: Problems = {
          missing: problems.missing,
          unread: [...source.names()].filter((name) => !asked.has(name) && !skip(name)),
          misshaped: problems.misshaped,
          readTwice: problems.readTwice,
        };
        if (Object.values(found).some((list: string[]) => list.length > 0)) throw checkpointMismatch(found);
      },
      dispose() {
        for (const [name, param] of [...params]) {
          if (!under(name)) continue;
          params.delete(name);
          param.release();
        }
      },
    };
  };
  return view("");
}

/** No name: tfjs keeps names of variables in one global table, where two models would collide. */
function makeVariable(values: Float32Array, shape: readonly number[], trainable: boolean): Variable {
  const initial = tensor(values, [...shape], "float32");
  const result = variable(initial, trainable);
  initial.dispose(); // the variable holds the data
  return result;
}

function toNamedTensor({ variable: held, checkpointShape, permute }: Param): NamedTensor {
  return {
    dtype: "F32",
    shape: checkpointShape,
    float32() {
      const values = held.dataSync() as Float32Array;
      return permute ? permuteValues(values, held.shape, invertPermutation(permute)) : values.slice();
    },
  };
}
