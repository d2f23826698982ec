/** The layers that can be computed in eight bits: convolutions and matrix products with known weights. */
import { type Graph, type Node, sizeOf, type Value } from "../ir.ts";

/** One layer of a graph. */
export interface Layer {
  readonly node: Node;
  /** `Conv 3 [64, 64, 3, 3]`: the op, its number among the graph's layers, and the shape of its weight. */
  readonly name: string;
  readonly input: Value;
  readonly weight: Value;
  readonly bias: Value | undefined;
  /** The axis of `weight` that counts the outputs. */
  readonly axis: number;
  /** Multiply-accumulates for one image: what eight bits can save. */
  readonly macs: number;
}

/** All of them, in the order in which they run. */
export function layersOf(graph: Graph): Layer[] {
  const layers: Layer[] = [];
  for (const node of graph.nodes) {
    const axis = outputAxis(node);
    const [input, weight, bias] = node.inputs as [Value, Value | undefined, Value | undefined];
    if (axis === undefined || !weight?.data || weight.dtype !== "float32" || input.data) continue;
    if (bias && !bias.data) continue;
    const [y] = node.outputs as [Value];
    const outputs = sizeOf(y.shape) / (graph.batch || 1);
    const macs = (outputs * sizeOf(weight.shape)) / (weight.shape[axis] as number);
    const name = `${node.op} ${layers.length} [${weight.shape.join(", ")}]`;
    layers.push({ node, name, input, weight, bias, axis, macs });
  }
  return layers;
}

function outputAxis({ op, domain, attrs, inputs }: Node): number | undefined {
  if (domain !== "") return undefined;
  if (op === "Conv") return 0;
  if (op === "Gemm" && !attrs.transA) return attrs.transB ? 0 : 1;
  return op === "MatMul" && inputs[1]?.shape.length === 2 ? 1 : undefined;
}
