/** What the tests share: a graph run in this thread, without a worker. */
import type { ImageModel, ModelSpec } from "@vitrail/layers";
import { ResNet, resnet18, resnet20_cifar, resnet50 } from "@vitrail/resnet";
import type { Tensor } from "@vitrail/tensor";
import { hybridSpec, vit_tiny_patch16_224 } from "@vitrail/vit";
import ort from "onnxruntime-node";
import type { Graph } from "./ir.ts";
import { encodeOnnx } from "./onnx.ts";
import { join } from "./onnx-proto.ts";
import { optimise } from "./passes/index.ts";
import { blockSizeOf, probeOf } from "./runtime/block-size.ts";
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

/** Channels of a block on this machine, 1 where it has none. */
export async function thisBlock(): Promise<number> {
  const { graph, dims, data } = probeOf();
  return runGraph(graph, { x: { dims, data } }, { graphOptimizationLevel: "disabled" }).then(
    ({ y }) => blockSizeOf(y?.data ?? []),
    () => 1,
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

export type AnySpec = ModelSpec<object, ImageModel>;

/** The networks of tooling/goldens/steps.py: every kind of block, a few channels. */
export function smallNetworks() {
  const any = (spec: unknown): AnySpec => spec as AnySpec;
  return {
    basic: any({ ...resnet18, config: { block: "basic", layers: [2, 1, 1, 1], width: 4, numClasses: 5 } }),
    bottleneck: any({ ...resnet50, config: { block: "bottleneck", layers: [1, 2, 1, 1], width: 3, numClasses: 5 } }),
    cifar: any({ ...resnet20_cifar, config: { blocks: 2, width: 4, numClasses: 10 } }),
    hybrid: any(
      hybridSpec(
        "hybrid",
        {
          imgSize: [64, 32],
          patchSize: 2,
          embedDim: 24,
          depth: 2,
          numHeads: 3,
          mlpRatio: 4,
          numClasses: 5,
          backbone: (p) => new ResNet(p, { block: "basic", layers: [1, 1, 1], width: 4, numClasses: 0 }),
        },
        resnet18.preprocess,
      ),
    ),
    vit: any({
      ...vit_tiny_patch16_224,
      config: { imgSize: [32, 24], patchSize: 8, embedDim: 24, depth: 2, numHeads: 3, mlpRatio: 4, numClasses: 5 },
    }),
  };
}
