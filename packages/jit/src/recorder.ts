import type { DataId } from "@vitrail/tensor";
import { filled } from "./build.ts";
import { type DType, Graph, type TypedArray, type Value } from "./ir.ts";

/** A tensor that the traced function took from outside. */
export interface Outside {
  readonly id: DataId;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly values: () => TypedArray;
  /** The function itself made it, from numbers. */
  readonly literal: boolean;
}

/** Gives the graph's value for a tensor; undefined makes it a constant. */
export type Resolve = (graph: Graph, outside: Outside) => Value | undefined;

/** What one trace has seen so far: the graph and the tensors that it took from outside. */
export class Recorder {
  readonly graph: Graph;
  readonly #captured = new Map<DataId, Value>();
  readonly #resolve: Resolve;

  constructor(batch: number, resolve: Resolve = () => undefined) {
    this.graph = new Graph(batch);
    this.#resolve = resolve;
  }

  capture(outside: Outside): Value {
    const { id } = outside;
    const known = this.#captured.get(id);
    if (known) return known;
    const value = this.#resolve(this.graph, outside) ?? this.#constant(outside);
    this.#captured.set(id, value);
    return value;
  }

  #constant({ shape, dtype, values, literal: mayBeUniform }: Outside): Value {
    const dynamic = shape.some((d) => this.graph.isDynamic(d));
    if (!dynamic && !mayBeUniform) return this.graph.constant(values, shape, dtype);
    // `zeros` and `ones` (tfjs's gradients are full of them) make their values on the host: one value says it all.
    const found = values();
    const first = found[0] as number;
    const uniform = found.every((v: number | bigint) => v === first);
    return uniform ? filled(this.graph, first, shape, dtype) : this.graph.constant(values, shape, dtype);
  }
}
