/** The operands that our graph holds as attributes, as the tensors that ONNX wants, dynamic sizes computed in the graph. */
import { type Attrs, Graph, type Node, type Value } from "./ir.ts";
import { DEFAULT_OPSET } from "./opset.ts";

/** Attributes of each op that become operands, in ONNX's order; after the node's own inputs. */
const operandAttrs: Readonly<Record<string, readonly string[]>> = {
  Reshape: ["shape"],
  Expand: ["shape"],
  ConstantOfShape: ["shape"],
  Slice: ["starts", "ends", "axes", "steps"],
  Pad: ["pads", "value"],
  Tile: ["repeats"],
  Split: ["split"],
  Clip: ["min", "max"],
  TopK: ["k"],
  ReduceSum: ["axes"],
  ReduceMean: ["axes"],
  ReduceMax: ["axes"],
  ReduceMin: ["axes"],
  ReduceProd: ["axes"],
};

const ints = (g: Graph, values: readonly number[]): Value =>
  g.constant(
    BigInt64Array.from(values, (v) => BigInt(v)),
    [values.length],
    "int64",
  );

/** Reductions whose axes are an attribute before opset 18; those of ReduceSum became an operand with 13. */
const axesAttr = new Set(["ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd"]);

/** Names in `attrs` that ONNX does not have, because they have become operands. */
export function operandNames(op: string, opset = DEFAULT_OPSET): readonly string[] {
  if (opset < 18 && axesAttr.has(op)) return [];
  return op === "OneHot" ? ["depth", "values"] : op === "Resize" ? ["sizes"] : (operandAttrs[op] ?? []);
}

/** A graph in which every node's inputs are complete; attributes that have become inputs are gone. */
export function materialise(graph: Graph, opset = DEFAULT_OPSET): Graph {
  const out = new Graph(graph.batch);
  out.inputs = graph.inputs;
  out.outputs = graph.outputs;
  let batchSize: Value | undefined;
  const constants = new Map<string, Value>();

  /** N, read from an input. */
  const batch = (): Value => {
    if (batchSize) return batchSize;
    const found = graph.inputs.find(({ value }) => value.shape.some((d) => d === graph.batch)) as { value: Value };
    const axis = found.value.shape.indexOf(graph.batch);
    if (opset >= 15) {
      batchSize = out.add("Shape", [found.value], { start: axis, end: axis + 1 }, [1], "int64");
    } else {
      const all = out.add("Shape", [found.value], {}, [found.value.shape.length], "int64");
      batchSize = out.add("Gather", [all, constant([axis])], { axis: 0 }, [1], "int64");
    }
    return batchSize;
  };

  const constant = (values: readonly number[]): Value => {
    const key = values.join();
    const known = constants.get(key) ?? ints(out, values);
    constants.set(key, known);
    return known;
  };

  /** A vector of sizes, some of them multiples of N. */
  const sizes = (values: readonly number[], mayInfer: boolean): Value => {
    const dynamic = values.filter((d) => graph.isDynamic(d));
    if (dynamic.length === 0) return constant(values);
    if (mayInfer && dynamic.length === 1 && !values.includes(0)) {
      return constant(values.map((d) => (graph.isDynamic(d) ? -1 : d)));
    }
    const parts = values.map((d) => {
      if (!graph.isDynamic(d)) return constant([d]);
      const times = d / graph.batch;
      return times === 1 ? batch() : out.add("Mul", [batch(), constant([times])], {}, [1], "int64");
    });
    return out.add("Concat", parts, { axis: 0 }, [parts.length], "int64");
  };

  const operandsOf = ({ op, attrs, inputs }: Node): Value[] => {
    if (op === "OneHot") {
      const depth = constant([attrs.depth as number]);
      const dtype = attrs.values as readonly number[];
      return [depth, out.constant(Float32Array.from(dtype), [2], "float32")];
    }
    return operandNames(op, opset).map((name) => {
      const value = attrs[name];
      if (name === "value" || name === "min" || name === "max") {
        const first = inputs[0] as Value;
        const typed = first.dtype === "int32" ? Int32Array.of(value as number) : Float32Array.of(value as number);
        return out.constant(typed, [], first.dtype === "int32" ? "int32" : "float32");
      }
      if (typeof value === "number") return constant([value]);
      return sizes(value as readonly number[], op === "Reshape");
    });
  };

  for (const node of graph.nodes) {
    const skipped = operandNames(node.op, opset);
    const inputs = [...node.inputs, ...operandsOf(node)];
    if (node.op === "Resize") inputs.splice(1, 0, undefined, undefined); // roi and scales: sizes says it all
    const attrs: Attrs = Object.fromEntries(Object.entries(node.attrs).filter(([name]) => !skipped.includes(name)));
    out.nodes.push({ ...node, inputs, attrs });
  }
  return out;
}
