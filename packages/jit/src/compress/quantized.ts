import type { Graph } from "../ir.ts";
import type { InputSpec } from "../trace.ts";
import type { Agreement } from "./agreement.ts";

/** `fp16`: weights stored in half precision, computed in fp32. `int8`: layers computed in eight bits. */
export type Precision = "fp32" | "fp16" | "int8";

/** What was done, and what it costs. */
export interface QuantizeReport {
  readonly precision: Precision;
  readonly sparsity: number;
  /** Layers that have weights, and how many of them compute in eight bits. */
  readonly layers: number;
  readonly int8Layers: number;
  /** Those of them that are rounded row by row. */
  readonly byRow: readonly string[];
  /** Layers that stay in fp32: those asked for, then those that were measured to cost accuracy, the worst first. */
  readonly kept: readonly string[];
  /** All layers that were measured, first the one that costs most for what it saves; empty where that was not needed. */
  readonly sensitivity: readonly string[];
  /** Agreement with fp32 on the validation's inputs; undefined where there are none. */
  readonly agreement: Agreement | undefined;
}

/** A compressed model: give it to `exportOnnx`, or to `compile`. */
export class Quantized {
  readonly inputs: readonly InputSpec[];
  readonly report: QuantizeReport;
  readonly #graph: Graph;

  constructor(graph: Graph, inputs: readonly InputSpec[], report: QuantizeReport) {
    this.#graph = graph;
    this.inputs = inputs;
    this.report = report;
  }

  /** The graph of a compressed model. @internal */
  static graphOf(model: Quantized): Graph {
    return model.#graph;
  }
}
