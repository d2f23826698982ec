/** Inference: a function or model, traced once, in a session of its own. */
import { type DataId, type Tensor, type Tensor4D, tensor, tidy } from "@vitrail/tensor";
import { Quantized } from "./compress/quantized.ts";
import { JitError, showShape } from "./errors.ts";
import { needsRuntime } from "./graph-session.ts";
import { type DType, type Graph, sameShape, sizeOf } from "./ir.ts";
import { optimise } from "./passes/index.ts";
import type { Client } from "./runtime/client.ts";
import { type EngineReport, openStreams, type StreamOptions } from "./runtime/engine.ts";
import type { HostTensor, HostTensors } from "./runtime/protocol.ts";
import { type InputSpec, type TraceResult, trace } from "./trace.ts";

/** What can be compiled: a model of this workspace, anything with its `forward`, or a function of tensors. */
export type Traceable =
  | { forward(x: Tensor4D): Tensor | Readonly<Record<string, Tensor>> }
  | ((...inputs: Tensor[]) => TraceResult);

/** One input: its shape, `null` in front for any batch size, and its type where that is not float32. */
export type InputShape = readonly (number | null)[];

export interface CompileOptions extends StreamOptions {
  /** Shape of the one input, e.g. `[null, 224, 224, 3]`. */
  readonly input?: InputShape;
  /** All inputs in the function's order, where it has several or some are not float32. */
  readonly inputs?: readonly InputSpec[];
}

/** Values and their shape, on the host. */
export interface HostValue {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | Uint8Array;
}

/**
 * A compiled function. Runs off the calling thread; frees nothing of the model it came from. Runs that are asked for while others are
 * under way wait, or go side by side where it has several `streams`.
 */
export interface Compiled {
  /** What runs it, and why. */
  readonly report: EngineReport;
  readonly inputs: readonly InputSpec[];
  /** Sessions that run at once: `streams`, or as many as there are threads where that is less; 1 on engine tfjs. */
  readonly streams: number;
  /**
   * The function of one input and one output. A tensor gives a tensor (the caller's to dispose), values give values. The
   * values are copied, never taken.
   * @throws JitError "bad-input" for another shape or type, "disposed", "engine-failed", "worker-crashed"
   */
  run(input: Tensor): Promise<Tensor>;
  run(input: Float32Array): Promise<Float32Array>;
  /** All inputs and outputs by name. */
  runAll(inputs: Readonly<Record<string, HostValue>>): Promise<Record<string, HostValue>>;
  /** Ends the session, after what is under way. Call it once for each `compile`. */
  dispose(): Promise<void>;
}

export const functionOf = (target: Traceable): ((...inputs: Tensor[]) => TraceResult) =>
  typeof target === "function" ? target : (x) => target.forward(x as Tensor4D);

export function inputsOf({ input, inputs }: CompileOptions): readonly InputSpec[] {
  if (inputs && !input) return inputs;
  if (input && !inputs) return [{ name: "input", shape: input }];
  throw new JitError("bad-input", "compile: expected either input, a shape, or inputs, a list; found both or neither");
}

/** A session shared by everyone who compiled the same function over the same values. */
interface Shared {
  readonly ids: readonly DataId[];
  /** The sessions that run at once; none: eager tfjs. */
  readonly clients: readonly Client[];
  readonly report: EngineReport;
  users: number;
}

/** The session that has least to do; of those that crashed one only where all did. */
const leastBusy = (clients: readonly Client[]): Client | undefined =>
  clients.reduce<Client | undefined>((best, one) => {
    if (!best || (one.alive && !best.alive)) return one;
    return one.alive === best.alive && one.load < best.load ? one : best;
  }, undefined);

/** Sessions by function or model, then by everything else that a session depends on. */
let cache: WeakMap<object, Map<string, Promise<Shared>[]>> | undefined;

/**
 * Traces `target` and opens a session for it. Weights are constants of the compiled function: what is assigned to them
 * later does not reach it. Compiling the same target again, over the same weights, shares the session. A compressed model has
 * been traced: it opens a session of its own, on ONNX Runtime only.
 */
export async function compile(target: Traceable | Quantized, options: CompileOptions = {}): Promise<Compiled> {
  if (target instanceof Quantized) {
    const graph = Quantized.graphOf(target);
    const opened = await openStreams(graph, options);
    if (opened.clients.length === 0) throw needsRuntime(opened.report);
    const shared = { ids: [], ...opened, users: 1 };
    return makeCompiled(noEager, target.inputs, graph, shared, () => undefined);
  }
  const inputs = inputsOf(options);
  const ids: DataId[] = [];
  const graph = trace(functionOf(target), inputs, {
    resolve: (_graph, { id, literal }) => {
      if (!literal) ids.push(id);
      return undefined;
    },
  });
  const { engine = "auto", provider = "auto", threads, streams = 1 } = options;
  const key = JSON.stringify([inputs, engine, provider, threads, streams]);
  cache ??= new WeakMap();
  const known = cache.get(target) ?? new Map<string, Promise<Shared>[]>();
  cache.set(target, known);
  const list = known.get(key) ?? [];
  known.set(key, list);
  for (const entry of list) {
    const shared = await entry.catch(() => undefined);
    if (shared && shared.users > 0 && shared.ids.length === ids.length && shared.ids.every((id, i) => id === ids[i])) {
      shared.users++;
      return makeCompiled(target, inputs, graph, shared, () => undefined);
    }
  }
  const opening = openShared(graph, ids, options);
  list.push(opening);
  const forget = () => {
    const at = list.indexOf(opening);
    if (at >= 0) list.splice(at, 1);
  };
  try {
    return makeCompiled(target, inputs, graph, await opening, forget);
  } catch (error) {
    forget();
    throw error;
  }
}

const noEager = (): never => {
  throw new JitError("engine-failed", "a compressed model has no eager function");
};

async function openShared(graph: Graph, ids: readonly DataId[], options: CompileOptions): Promise<Shared> {
  optimise(graph, { contrib: true });
  return { ids, ...(await openStreams(graph, options)), users: 1 };
}

function makeCompiled(
  target: Traceable,
  inputs: readonly InputSpec[],
  graph: Graph,
  shared: Shared,
  forget: () => void,
): Compiled {
  let disposed = false;
  const outputs = graph.outputs.map(({ name }) => name);

  const runAll = async (given: Readonly<Record<string, HostValue>>): Promise<Record<string, HostValue>> => {
    if (disposed) throw new JitError("disposed", "run after dispose: compile again");
    const feeds = feedsOf(inputs, given);
    const client = leastBusy(shared.clients);
    if (!client) return runEagerly(functionOf(target), inputs, feeds);
    const buffers = Object.values(feeds).map(({ data }) => data.buffer);
    const results = await client.request<HostTensors>({ kind: "run", feeds }, buffers);
    return Object.fromEntries(Object.entries(results).map(([name, { dims, data }]) => [name, toValue(dims, data)]));
  };

  const run = async (input: Tensor | Float32Array): Promise<Tensor | Float32Array> => {
    const [only] = inputs;
    if (inputs.length !== 1 || outputs.length !== 1 || !only) {
      throw new JitError(
        "bad-input",
        `run takes one input to one output; this has ${inputs.length} and ${outputs.length}: use runAll`,
      );
    }
    const isTensor = "dataId" in input;
    const value = isTensor ? await fromTensor(input, only) : { shape: shapeFor(only, input.length), data: input };
    const result = (await runAll({ [only.name]: value }))[outputs[0] as string] as HostValue;
    if (!isTensor) return result.data as Float32Array;
    return tensor(result.data, [...result.shape]);
  };

  return {
    report: shared.report,
    inputs,
    streams: Math.max(1, shared.clients.length),
    run: run as Compiled["run"],
    runAll,
    async dispose() {
      if (disposed) return;
      disposed = true;
      shared.users--;
      if (shared.users > 0) return;
      forget();
      await Promise.all(shared.clients.map((client) => client.close()));
    },
  };
}

const toValue = (dims: readonly number[], data: HostTensor["data"]): HostValue => ({
  shape: dims,
  data: data as HostValue["data"],
});

async function fromTensor(input: Tensor, { name, dtype = "float32" }: InputSpec): Promise<HostValue> {
  if (input.dtype !== dtype) throw new JitError("bad-input", `${name}: expected type ${dtype}, found ${input.dtype}`);
  return { shape: input.shape, data: (await input.data()) as HostValue["data"] };
}

/** The shape that `length` values have: the batch size is what it comes to. */
function shapeFor({ name, shape }: InputSpec, length: number): number[] {
  const per = sizeOf(shape.map((d) => d ?? 1));
  const batch = length / per;
  const whole = Number.isInteger(batch) && (shape.includes(null) || batch === 1);
  if (!whole) throw new JitError("bad-input", `${name}: expected the values of ${showShape(shape)}, found ${length}`);
  return shape.map((d) => d ?? batch);
}

/** Checks every input and copies its values, so that the buffers can go to another thread. */
function feedsOf(inputs: readonly InputSpec[], given: Readonly<Record<string, HostValue>>): HostTensors {
  const unknown = Object.keys(given).filter((name) => !inputs.some((input) => input.name === name));
  if (unknown.length > 0) throw new JitError("bad-input", `no input is called ${unknown.join(", ")}`);
  let batch: number | undefined;
  const feeds = inputs.map(({ name, shape, dtype = "float32" }): [string, HostTensor] => {
    const value = given[name];
    if (!value) throw new JitError("bad-input", `${name}: expected ${dtype} ${showShape(shape)}, found nothing`);
    const { shape: found, data } = value;
    if (shape[0] === null) batch ??= found[0];
    const wanted = shape.map((d) => d ?? batch ?? 0);
    if (!sameShape(found, wanted) || data.length !== sizeOf(found)) {
      const note = data.length === sizeOf(found) ? "" : ` with ${data.length} values`;
      throw new JitError("bad-input", `${name}: expected ${showShape(shape)}, found ${showShape(found)}${note}`);
    }
    return [name, { type: dtype, dims: found, data: checkType(name, dtype, data).slice() }];
  });
  return Object.fromEntries(feeds);
}

function checkType(name: string, dtype: DType, data: HostValue["data"]): HostValue["data"] {
  const kinds = { float32: Float32Array, int32: Int32Array, bool: Uint8Array, int64: BigInt64Array } as const;
  if (data instanceof kinds[dtype]) return data;
  throw new JitError(
    "bad-input",
    `${name}: expected ${kinds[dtype].name} for ${dtype}, found ${data.constructor.name}`,
  );
}

/** The engine of last resort: the function as it is, on whatever backend is active. */
async function runEagerly(
  f: (...inputs: Tensor[]) => TraceResult,
  inputs: readonly InputSpec[],
  feeds: HostTensors,
): Promise<Record<string, HostValue>> {
  const results = tidy(() => {
    const args = inputs.map(({ name, dtype = "float32" }) => {
      const { dims, data } = feeds[name] as HostTensor;
      return tensor(data as Float32Array, [...dims], dtype as "float32");
    });
    const result = f(...args);
    if ("dataId" in result) return { output: result as Tensor };
    if (!Array.isArray(result)) return { ...(result as Record<string, Tensor>) };
    return Object.fromEntries(result.map((t: Tensor, i) => [`output${i}`, t]));
  }) as Record<string, Tensor>;
  const values = await Promise.all(
    Object.entries(results).map(async ([name, t]): Promise<[string, HostValue]> => {
      const data = (await t.data()) as HostValue["data"];
      t.dispose();
      return [name, { shape: t.shape, data }];
    }),
  );
  return Object.fromEntries(values);
}
