import type { DataId } from "@vitrail/tensor";
import { filled } from "./build.ts";
import { type DType, Graph, type TypedArray, type Value } from "./ir.ts";

/** Gives the graph's value for a tensor; `literal`: made from numbers inside the trace. Undefined makes it a constant. */
type Resolve = (id: DataId, values: () => TypedArray, literal: boolean) => Value | undefined;

/** What one trace has seen so far: the graph and the tensors that it took from outside. */
export class Recorder {
  readonly graph: Graph;
  readonly #captured = new Map<DataId, Value>();
  readonly #resolve: Resolve;

  constructor(batch: number, resolve: Resolve = () => undefined) {
    this.graph = new Graph(batch);
    this.#resolve = resolve;
  }

  capture(id: DataId, shape: readonly number[], dtype: DType, values: () => TypedArray, literal: boolean): Value {
    const known = this.#captured.get(id);
    if (known) return known;
    const value = this.#resolve(id, values, literal) ?? this.#constant(shape, dtype, values);
    this.#captured.set(id, value);
    return value;
  }

  #constant(shape: readonly number[], dtype: DType, values: () => TypedArray): Value {
    if (!shape.some((d) => this.graph.isDynamic(d))) return this.graph.constant(values, shape, dtype);
    // `zeros` and `ones` make their values on the host, for the stand-in's batch: one value says it all.
    const found = values();
    const first = found[0] as number;
    const uniform = found.every((v: number | bigint) => v === first);
    return uniform ? filled(this.graph, first, shape, dtype) : this.graph.constant(values, shape, dtype);
  }
}
