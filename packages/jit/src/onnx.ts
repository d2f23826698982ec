/** Writes a graph as an ONNX model: by default opset 20, IR version 9, which every runtime since 2024 reads. */
import { type ElementType, type Graph, type Node, type Port, sizeOf, type TypedArray, type Value } from "./ir.ts";
import { materialise } from "./materialise.ts";
import { type Chunks, lengthOf, Message } from "./onnx-proto.ts";
import { DEFAULT_OPSET, irVersionOf } from "./opset.ts";

const elementTypes: Readonly<Record<ElementType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
};
/** Attributes that hold floats; all other numbers are integers. */
const floatAttrs = new Set(["epsilon", "alpha", "beta", "momentum", "scale"]);
/** protobuf's own limit is 2 GiB a message; stay below it with room for the nodes. */
const INLINE_LIMIT = 1.9e9;

/** An ONNX model. `weights` is the second file, beside the model under `weightsName`; only there where one file is too small. */
export interface OnnxFile {
  readonly model: Chunks;
  readonly weights?: Chunks;
}

export interface OnnxOptions {
  /** Name of the second file as the model states it. */
  readonly weightsName?: string;
  /** Bytes of weights from which a second file is written. Default: just below protobuf's 2 GiB. */
  readonly inlineLimit?: number;
  /** The version of ONNX's own ops; `forOpset` has been there. Default 20. */
  readonly opset?: number;
  /** Name of an output before all others that is no tensor, but an empty sequence: session.js says what for. */
  readonly sequence?: string;
  /** The model's `metadata_props`. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** `StringStringEntryProto`. */
const entry = (key: string, value: string): Chunks => new Message().string(1, key).string(2, value).finish();

function attribute(name: string, value: number | string | readonly number[], dtype: ElementType | undefined): Chunks {
  const message = new Message().string(1, name);
  if (name === "to")
    return message
      .int64(3, elementTypes[dtype ?? "float32"])
      .int64(20, 2)
      .finish();
  if (typeof value === "string")
    return message
      .bytes(4, [new TextEncoder().encode(value)])
      .int64(20, 3)
      .finish();
  if (typeof value === "number") {
    return floatAttrs.has(name)
      ? message.float(2, value).int64(20, 1).finish()
      : message.int64(3, value).int64(20, 2).finish();
  }
  return message.int64s(8, value).int64(20, 7).finish();
}

function nodeMessage(node: Node, nameOf: (v: Value) => string, index: number): Chunks {
  const message = new Message();
  for (const v of node.inputs) message.string(1, v ? nameOf(v) : "");
  for (const v of node.outputs) message.string(2, nameOf(v));
  message.string(3, `${node.op}_${index}`).string(4, node.op);
  for (const [name, value] of Object.entries(node.attrs)) {
    message.bytes(5, attribute(name, value, node.op === "Cast" ? (value as ElementType) : undefined));
  }
  return message.string(7, node.domain).finish();
}

function portMessage({ name, value }: Port, batch: number): Chunks {
  const shape = new Message();
  for (const d of value.shape) {
    const dim = new Message();
    if (batch > 0 && d === batch) dim.string(2, "N");
    else if (batch === 0 || d % batch !== 0 || d === 0) dim.int64(1, d);
    else dim.string(2, `${d / batch}N`);
    shape.bytes(1, dim.finish());
  }
  const tensorType = new Message().int64(1, elementTypes[value.dtype]).bytes(2, shape.finish()).finish();
  return new Message().string(1, name).bytes(2, new Message().bytes(1, tensorType).finish()).finish();
}

/** A sequence of float tensors as an output. */
function sequencePort(name: string): Chunks {
  const tensorType = new Message().int64(1, elementTypes.float32).finish();
  const elementType = new Message().bytes(1, tensorType).finish();
  const type = new Message().bytes(4, new Message().bytes(1, elementType).finish()).finish();
  return new Message().string(1, name).bytes(2, type).finish();
}

const WIDTHS: Readonly<Record<ElementType, number>> = {
  float32: 4,
  int32: 4,
  int64: 8,
  float16: 2,
  bool: 1,
  int8: 1,
  uint8: 1,
};
const bytesIn = ({ shape, dtype }: Value): number => sizeOf(shape) * WIDTHS[dtype];

const bytesOf = (data: TypedArray): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

function tensorHeader(name: string, { shape, dtype }: Value): Message {
  return new Message().int64s(1, shape).int64(2, elementTypes[dtype]).string(8, name);
}

/** Names of all values: those of the graph's ends, then numbers. */
function naming(graph: Graph): (v: Value) => string {
  const names = new Map<Value, string>(graph.inputs.map(({ name, value }) => [value, name]));
  let next = 0;
  return (v) => {
    const known = names.get(v);
    if (known !== undefined) return known;
    const name = `${v.data ? "c" : "v"}${next++}`;
    names.set(v, name);
    return name;
  };
}

/** Every output is a node's own: an input or constant, or a value that is given out twice, passes through Identity. */
function bindOutputs(graph: Graph, names: Map<Value, string>): Node[] {
  const extra: Node[] = [];
  const taken = new Set<Value>(graph.inputs.map(({ value }) => value));
  graph.outputs = graph.outputs.map(({ name, value }) => {
    let own = value;
    if (taken.has(value) || value.data) {
      own = graph.add("Identity", [value], {}, value.shape, value.dtype);
      extra.push(own.producer as Node);
    }
    taken.add(own);
    names.set(own, name);
    return { name, value: own };
  });
  return extra;
}

/**
 * Views whose shape depends on the batch. Inference finds a reshaped batch to be of any size, and ONNX Runtime writes a result over an
 * operand only where both are known to be as large.
 */
function viewsOfBatch(graph: Graph): readonly Value[] {
  const ends = new Set(graph.outputs.map(({ value }) => value));
  const views = graph.nodes.filter(({ op }) => op === "Reshape").flatMap(({ outputs }) => outputs);
  return views.filter((v) => !ends.has(v) && v.shape.some((d) => graph.isDynamic(d)));
}

/** The graph as an ONNX model, in pieces. */
export function encodeOnnx(source: Graph, options: OnnxOptions = {}): OnnxFile {
  const { opset = DEFAULT_OPSET } = options;
  const graph = materialise(source, opset);
  const outputNames = new Map<Value, string>();
  bindOutputs(graph, outputNames);
  const generic = naming(graph);
  const nameOf = (v: Value): string => outputNames.get(v) ?? generic(v);

  const body = new Message();
  for (const [i, node] of graph.nodes.entries()) body.bytes(1, nodeMessage(node, nameOf, i));
  const { sequence } = options;
  if (sequence !== undefined) body.bytes(1, new Message().string(2, sequence).string(4, "SequenceEmpty").finish());
  body.string(2, "vitrail");

  const constants = new Set<Value>();
  for (const { inputs } of graph.nodes) for (const v of inputs) if (v?.data) constants.add(v);
  const total = [...constants].reduce((n, v) => n + bytesIn(v), 0);
  const external = total > (options.inlineLimit ?? INLINE_LIMIT);
  const weights: Uint8Array[] = [];
  let offset = 0;
  for (const v of constants) {
    const raw = bytesOf((v.data as () => TypedArray)());
    const header = tensorHeader(nameOf(v), v);
    if (external && raw.byteLength >= 1024) {
      header.bytes(13, entry("location", options.weightsName ?? "model.onnx.data"));
      header.bytes(13, entry("offset", String(offset))).bytes(13, entry("length", String(raw.byteLength)));
      body.bytes(5, header.int64(14, 1).finish());
      weights.push(raw);
      offset += raw.byteLength;
    } else {
      body.bytes(5, header.bytes(9, [raw]).finish());
    }
  }
  for (const port of graph.inputs) body.bytes(11, portMessage(port, graph.batch));
  if (sequence !== undefined) body.bytes(12, sequencePort(sequence));
  for (const port of graph.outputs) body.bytes(12, portMessage(port, graph.batch));
  for (const value of viewsOfBatch(graph)) body.bytes(13, portMessage({ name: nameOf(value), value }, graph.batch));

  const opsetId = (domain: string, version: number) => new Message().string(1, domain).int64(2, version).finish();
  const model = new Message()
    .int64(1, irVersionOf(opset))
    .string(2, "vitrail")
    .bytes(7, body.finish())
    .bytes(8, opsetId("", opset));
  for (const domain of new Set(graph.nodes.map((n) => n.domain))) if (domain) model.bytes(8, opsetId(domain, 1));
  for (const [key, value] of Object.entries(options.metadata ?? {})) model.bytes(14, entry(key, value));
  const chunks = model.finish();
  if (lengthOf(chunks) >= 2 ** 31) throw new RangeError("the model is over protobuf's 2 GiB even without its weights");
  return external ? { model: chunks, weights } : { model: chunks };
}
