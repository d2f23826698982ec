/** What the tests share: a graph run in this thread, without a worker. */
import type { Tensor } from "@vitrail/tensor";
import ort from "onnxruntime-node";
import type { Graph } from "./ir.ts";
import { encodeOnnx } from "./onnx.ts";
import { join } from "./onnx-proto.ts";
import { optimise } from "./passes/index.ts";
import { type InputSpec, type TraceResult, trace } from "./trace.ts";

export const opsOf = (graph: Graph): string[] => graph.nodes.map(({ op }) => op);

export interface Values {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

/** Runs a graph as it is. Options go to ONNX Runtime; `opset` is that of the file. */
export async function runGraph(
  graph: Graph,
  feeds: Readonly<Record<string, Values>>,
  options: object = {},
  opset?: number,
): Promise<Record<string, Values>> {
  const file = encodeOnnx(graph, opset === undefined ? {} : { opset });
  const session = await ort.InferenceSession.create(join(file.model), {
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
    ...options,
  });
  const inputs = Object.fromEntries(
    Object.entries(feeds).map(([name, { dims, data }]) => [name, new ort.Tensor("float32", data, [...dims])]),
  );
  const outputs = await session.run(inputs);
  await session.release();
  return Object.fromEntries(
    Object.entries(outputs).map(([name, t]) => [name, { dims: t.dims, data: (t.data as Float32Array).slice() }]),
  );
}

/** Traces, optimises and gives the graph. */
export function traced(
  f: (...inputs: Tensor[]) => TraceResult,
  shapes: readonly (readonly (number | null)[])[],
  pass: (graph: Graph) => void = (graph) => optimise(graph, { contrib: true }),
): Graph {
  const inputs: InputSpec[] = shapes.map((shape, i) => ({ name: `x${i}`, shape }));
  const graph = trace(f, inputs);
  pass(graph);
  return graph;
}
