/** Runs a tfjs function once on the backend that records, and gives the graph of what it would have computed. */
import { engine, type Tensor, tidy } from "@vitrail/tensor";
import { BACKEND, type TraceBackend, traceBackend } from "./backend.ts";
import { callerLine, JitError, showShape } from "./errors.ts";
import type { DType, Graph, Value } from "./ir.ts";
import { Recorder, type Resolve } from "./recorder.ts";

/** One argument of a traced function. `null` in first place stands for any batch size. */
export interface InputSpec {
  readonly name: string;
  readonly shape: readonly (number | null)[];
  /** Default float32. */
  readonly dtype?: DType;
}

export type TraceResult = Tensor | readonly Tensor[] | Readonly<Record<string, Tensor>>;

export interface TraceOptions {
  /**
   * What stands for a tensor from outside that the function reads: a value of the graph (an input, say), or undefined
   * for a constant. Called once a tensor.
   */
  readonly resolve?: Resolve;
  /** Leaves open how some kernels are computed; `blockConvolutions` decides. Default false: the graph is plain ONNX. */
  readonly choices?: boolean;
}

/** Stand-ins for a batch of any size: primes that hardly any network has among its dimensions. */
const sentinels = [7919, 7907, 7901, 7883] as const;

/**
 * The graph of `f`. Tracing is synchronous; the backend that was active is active again afterwards, whatever happens.
 * Tensors from outside `f` become constants. Outputs are called as the result's keys, `output` for a single tensor,
 * `output0`, `output1`, … for a list.
 *
 * @throws JitError: "trace-read" where `f` reads a value, "trace-unsupported" for an op that has no counterpart,
 *   "trace-dynamic-shape" where a size depends on the batch in a way that cannot be expressed, "trace-nested" inside
 *   another trace.
 */
export function trace(
  f: (...inputs: Tensor[]) => TraceResult,
  inputs: readonly InputSpec[],
  options: TraceOptions = {},
): Graph {
  const dynamic = inputs.some(({ shape }) => shape.includes(null));
  for (const { name, shape } of inputs) {
    if (shape.some((d, i) => (d === null ? i > 0 : !Number.isInteger(d) || d < 0))) {
      throw new JitError(
        "bad-input",
        `${name}: expected sizes of 0 or more and null only first, found ${showShape(shape)}`,
      );
    }
  }
  if (!dynamic) return record(f, inputs, 0, options);
  const fixed = inputs.flatMap(({ shape }) => shape.filter((d) => d !== null));
  for (const batch of sentinels) {
    if (fixed.some((d) => d > 0 && d % batch === 0)) continue;
    const graph = record(f, inputs, batch, options);
    if (!collides(graph)) {
      checkDims(graph, (other) => record(f, inputs, other, options));
      return graph;
    }
  }
  throw new JitError(
    "trace-dynamic-shape",
    "a dynamic batch: the function's own sizes hit every stand-in; fix the batch",
  );
}

/** Sets the recording backend for the time of `run`, in a scope of its own. */
export function onTraceBackend<T>(recorder: Recorder, run: (backend: TraceBackend) => T): T {
  const backend = traceBackend();
  if (backend.recorder) {
    throw new JitError(
      "trace-nested",
      `a trace inside another one: finish the first before${callerLine(new Error().stack)}`,
    );
  }
  const tf = engine();
  const before = tf.backendName;
  backend.recorder = recorder;
  try {
    void tf.setBackend(BACKEND); // synchronous up to its end for a backend whose factory is
    return run(backend);
  } catch (error) {
    throw explain(error);
  } finally {
    backend.recorder = undefined;
    if (before) void tf.setBackend(before);
    else (tf as unknown as { backendName: string | null }).backendName = null;
  }
}

/** Runs `make` so that the tensors it creates stay on the host: a checkpoint goes to a session without another copy. */
export const hostTensors = <T>(make: () => T): T => onTraceBackend(new Recorder(0), () => make());

function record(
  f: (...inputs: Tensor[]) => TraceResult,
  inputs: readonly InputSpec[],
  batch: number,
  { resolve, choices = false }: TraceOptions,
): Graph {
  const recorder = new Recorder(batch, resolve);
  const { graph } = recorder;
  graph.choices = choices;
  onTraceBackend(recorder, (backend) => {
    tidy(() => {
      const args = inputs.map(({ name, shape, dtype = "float32" }) => {
        const sizes = shape.map((d) => d ?? batch);
        return engine().makeTensorFromTensorInfo(backend.wrap(graph.input(name, sizes, dtype), `the input ${name}`));
      });
      const result = f(...args);
      if (typeof (result as { then?: unknown }).then === "function") {
        throw new JitError("trace-unsupported", "the traced function is async: tracing needs its result at once");
      }
      graph.outputs = named(result).map(([name, tensor]) => ({ name, value: backend.unwrap(tensor) }));
    });
  });
  return graph;
}

function named(result: TraceResult): [string, Tensor][] {
  if ("dataId" in result) return [["output", result as Tensor]];
  if (Array.isArray(result)) return result.map((tensor: Tensor, i) => [`output${i}`, tensor]);
  return Object.entries(result as Record<string, Tensor>);
}

/** A constant with a dimension that the sentinel divides: one of the function's own sizes. */
function collides(graph: Graph): boolean {
  const constants = new Set(graph.nodes.flatMap((n) => n.inputs.filter((v): v is Value => v?.data !== undefined)));
  return [...constants].some((v) => v.shape.some((d) => graph.isDynamic(d)));
}

/**
 * Refuses sizes such as N + 1. They show as sizes that another sentinel changes and that no sentinel divides; a second
 * trace is only made where some size is larger than the sentinel for another reason.
 */
function checkDims(graph: Graph, again: (batch: number) => Graph): void {
  const shapes = (of: Graph) => of.nodes.flatMap(({ op, outputs }) => outputs.map(({ shape }) => ({ op, shape })));
  const odd = (d: number) => d > graph.batch && d % graph.batch !== 0;
  const mine = shapes(graph);
  if (!mine.some(({ shape }) => shape.some(odd))) return;
  const other = shapes(again(sentinels.find((s) => s !== graph.batch) as number));
  mine.forEach(({ op, shape }, i) => {
    const theirs = other[i]?.shape ?? [];
    if (shape.some((d, k) => d !== theirs[k] && !graph.isDynamic(d))) {
      const found = showShape(shape, graph.batch);
      throw new JitError(
        "trace-dynamic-shape",
        `${op}: with a dynamic batch a size must be a multiple of N, found ${found}`,
      );
    }
  });
}

/** tfjs says that a kernel is not registered; say which op and where it was called. */
function explain(error: unknown): unknown {
  const message = String((error as Error)?.message);
  const missing = /[Kk]ernel '(\w+)' (?:not registered )?for backend 'trace'/.exec(message);
  if (!missing) return error;
  const where = callerLine((error as Error).stack);
  return new JitError("trace-unsupported", `${missing[1]} cannot be traced: no ONNX counterpart is known${where}`, {
    cause: error,
  });
}
