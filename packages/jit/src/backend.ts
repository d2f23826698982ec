/**
 * The tfjs backend "trace": its kernels compute nothing. Each lowers itself into the graph that is being recorded and
 * returns a tensor that has only a shape and a type. Values that come from the host (constants, and parameters made
 * under `hostTensors`) it keeps as they were given.
 */
import {
  type DataId,
  type DataType,
  engine,
  findBackend,
  KernelBackend,
  type NamedAttrMap,
  type NamedTensorInfoMap,
  registerBackend,
  registerKernel,
  type TensorInfo,
} from "@vitrail/tensor";
import { callerLine, JitError, showShape } from "./errors.ts";
import type { DType, Value } from "./ir.ts";
import { loweringTable } from "./lower/index.ts";
import type { Recorder } from "./recorder.ts";

export const BACKEND = "trace";

/** What tfjs hands over as a tensor's values. */
type HostArray = Float32Array | Int32Array | Uint8Array;

interface HostEntry {
  values: HostArray;
  /** The recording during which it was made. */
  readonly madeIn: Recorder | undefined;
  refs: number;
}

/** The name of the kernel that made a value, and the recording it belongs to. */
interface TracedEntry {
  readonly value: Value;
  readonly kernel: string;
  readonly recorder: Recorder;
  refs: number;
}

type Entry = HostEntry | TracedEntry;
const isTraced = (entry: Entry): entry is TracedEntry => "recorder" in entry;

/** tfjs's name of a type as the graph's. */
export function dtypeOf(dtype: string): DType {
  if (dtype === "float32" || dtype === "int32" || dtype === "bool") return dtype;
  throw new JitError(
    "trace-unsupported",
    `a tensor of type ${dtype} cannot be traced: expected float32, int32 or bool`,
  );
}

export class TraceBackend extends KernelBackend {
  readonly #entries = new WeakMap<DataId, Entry>();
  #count = 0;
  /** The recording in progress. */
  recorder: Recorder | undefined;

  override write(values: unknown, shape: number[], dtype: DataType): DataId {
    const id: DataId = {};
    this.move(id, values as HostArray, shape, dtype, 1);
    return id;
  }

  override move(id: DataId, values: unknown, _shape: number[], dtype: DataType, refs: number): void {
    dtypeOf(dtype);
    this.#entries.set(id, { values: values as HostArray, madeIn: this.recorder, refs });
    this.#count++;
  }

  override readSync(id: DataId): HostArray {
    const entry = this.#entries.get(id);
    if (entry && !isTraced(entry)) return entry.values;
    const where = callerLine(new Error().stack);
    if (entry && entry.recorder !== this.recorder) {
      throw new JitError("trace-dead-tensor", `a tensor of a trace that has ended has no values${where}`);
    }
    const what = entry
      ? `the result of ${entry.kernel}, ${showShape(entry.value.shape, entry.recorder.graph.batch)},`
      : "a value";
    throw new JitError(
      "trace-read",
      `${what} was read while tracing: a traced function cannot depend on values${where}`,
    );
  }

  override async read(id: DataId): Promise<HostArray> {
    return this.readSync(id);
  }

  /** A new tensor that stands for `value`. */
  wrap(value: Value, kernel: string): TensorInfo {
    const dataId: DataId = {};
    this.#entries.set(dataId, { value, kernel, recorder: this.recorder as Recorder, refs: 1 });
    this.#count++;
    // Only compression makes other types, after tracing.
    const dtype = value.dtype === "int64" ? "int32" : (value.dtype as "float32" | "int32" | "bool");
    return { dataId, shape: [...value.shape], dtype };
  }

  /** The graph's value behind a tensor; a tensor from outside the trace is captured. */
  unwrap({ dataId, shape, dtype }: TensorInfo): Value {
    const recorder = this.recorder as Recorder;
    const entry = this.#entries.get(dataId);
    if (entry && isTraced(entry)) {
      if (entry.recorder === recorder) return entry.value;
      const where = callerLine(new Error().stack);
      throw new JitError("trace-dead-tensor", `a tensor of a trace that has ended was used again${where}`);
    }
    const values = entry ? () => entry.values : () => readForeign(dataId);
    return recorder.capture({ id: dataId, shape, dtype: dtypeOf(dtype), values, literal: entry?.madeIn === recorder });
  }

  override disposeData(id: DataId, force = false): boolean {
    const entry = this.#entries.get(id);
    if (!entry) return true;
    entry.refs--;
    if (entry.refs > 0 && !force) return false;
    this.#entries.delete(id);
    this.#count--;
    return true;
  }

  override incRef(id: DataId): void {
    const entry = this.#entries.get(id);
    if (entry) entry.refs++;
  }

  override refCount(id: DataId): number {
    return this.#entries.get(id)?.refs ?? 0;
  }

  override numDataIds(): number {
    return this.#count;
  }

  override memory(): { unreliable: boolean; reasons: string[] } {
    return { unreliable: true, reasons: ["tracing computes nothing"] };
  }

  override floatPrecision(): 32 {
    return 32;
  }

  override epsilon(): number {
    return 1e-7;
  }

  override timerAvailable(): boolean {
    return false;
  }

  override dispose(): void {}
}

/** The values of another backend's tensor, without moving the tensor, as tfjs would. */
function readForeign(id: DataId): HostArray {
  const state = engine().state as unknown as { tensorInfo: WeakMap<DataId, { backend: KernelBackend }> };
  const info = state.tensorInfo.get(id);
  if (!info) throw new JitError("disposed", "a tensor that the traced function uses has been disposed");
  return info.backend.readSync(id) as HostArray;
}

/** The one backend of this engine, made at the first call. */
export function traceBackend(): TraceBackend {
  const found = findBackend(BACKEND);
  if (found) return found as TraceBackend;
  const backend = new TraceBackend();
  registerBackend(BACKEND, () => backend, 0);
  for (const [kernelName, lower] of Object.entries(loweringTable())) {
    const kernelFunc = ({ inputs, attrs }: { inputs: NamedTensorInfoMap; attrs?: NamedAttrMap }) => {
      const recorder = backend.recorder as Recorder;
      const values = Object.fromEntries(
        Object.entries(inputs)
          .filter(([, info]) => info !== null && info !== undefined)
          .map(([name, info]) => [name, backend.unwrap(info as TensorInfo)]),
      );
      const result = lower({ g: recorder.graph, inputs: values, attrs: attrs ?? {}, kernel: kernelName });
      return Array.isArray(result)
        ? result.map((v: Value) => backend.wrap(v, kernelName))
        : backend.wrap(result as Value, kernelName);
    };
    registerKernel({ kernelName, backendName: BACKEND, kernelFunc: kernelFunc as never });
  }
  return backend;
}
