/**
 * The graph between tracing and ONNX. Its ops are ONNX's, with two conveniences that keep passes short: operands that
 * ONNX passes as tensors but that tracing always knows (shapes, axes, pads) are attributes here, and constants are
 * values with data. `onnx.ts` turns both into what the format wants.
 *
 * A dynamic batch is one size, the sentinel, that stands for N throughout: a dimension is k N where the sentinel divides
 * it. A prime that no real dimension contains is chosen, see trace.ts.
 */

/** Element types that a traced function can have. */
export type DType = "float32" | "int32" | "int64" | "bool";

/** Element types of values: those that compression makes, too. Values of float16 are their bits, in a Uint16Array. */
export type ElementType = DType | "float16" | "int8" | "uint8";

export type TypedArray = Float32Array | Int32Array | Uint8Array | BigInt64Array | Int8Array | Uint16Array;

/** An attribute of a node; floats and integers are told apart by the attribute's name, in onnx.ts. */
export type Attr = number | string | readonly number[];
export type Attrs = Readonly<Record<string, Attr>>;

/** A tensor of the graph: an input, a constant, or an output of a node. */
export interface Value {
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: ElementType;
  /** The node that computes it; undefined for inputs and constants. */
  readonly producer: Node | undefined;
  /** A constant's values, row-major. Read lazily, so that folding a weight's transpose can replace it unread. */
  readonly data: (() => TypedArray) | undefined;
}

export interface Node {
  /** ONNX operator. */
  readonly op: string;
  /** `""` for ONNX itself, `"com.microsoft"` for ONNX Runtime's own. */
  readonly domain: string;
  /** An optional operand that is left out is undefined. Only `rewrite` changes them. */
  inputs: readonly (Value | undefined)[];
  readonly outputs: readonly Value[];
  readonly attrs: Attrs;
}

/** A named end of the graph. */
export interface Port {
  readonly name: string;
  readonly value: Value;
}

export interface OutputSpec {
  readonly shape: readonly number[];
  readonly dtype: ElementType;
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

export const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((d, i) => d === b[i]);

/** A graph under construction or rewriting. `nodes` are in an order in which they can run. */
export class Graph {
  nodes: Node[] = [];
  inputs: Port[] = [];
  outputs: Port[] = [];
  /** The sentinel batch size, 0 where the batch is fixed. */
  readonly batch: number;
  /** Whether lowerings leave open what only the session's processor decides (lower/choice.ts). */
  choices = false;
  #ids = 0;

  constructor(batch = 0) {
    this.batch = batch;
  }

  #value(shape: readonly number[], dtype: ElementType, producer?: Node, data?: () => TypedArray): Value {
    return { id: this.#ids++, shape: [...shape], dtype, producer, data };
  }

  input(name: string, shape: readonly number[], dtype: ElementType = "float32"): Value {
    const value = this.#value(shape, dtype);
    this.inputs.push({ name, value });
    return value;
  }

  /** A constant; give a function to have the values read only when they are needed, and then once. */
  constant(data: TypedArray | (() => TypedArray), shape: readonly number[], dtype: ElementType): Value {
    if (typeof data !== "function") return this.#value(shape, dtype, undefined, () => data);
    let read: TypedArray | undefined;
    return this.#value(shape, dtype, undefined, () => {
      read ??= data();
      return read;
    });
  }

  /** A float constant without dimensions. */
  scalar(value: number): Value {
    return this.constant(Float32Array.of(value), [], "float32");
  }

  /** Appends a node and gives its outputs. */
  addMany(
    op: string,
    inputs: readonly (Value | undefined)[],
    attrs: Attrs,
    outputs: readonly OutputSpec[],
    domain = "",
  ): readonly Value[] {
    const values: Value[] = [];
    const node: Node = { op, domain, inputs: [...inputs], outputs: values, attrs };
    for (const { shape, dtype } of outputs) values.push(this.#value(shape, dtype, node));
    this.nodes.push(node);
    return values;
  }

  /** Appends a node with one output. */
  add(
    op: string,
    inputs: readonly (Value | undefined)[],
    attrs: Attrs,
    shape: readonly number[],
    dtype: ElementType = "float32",
    domain = "",
  ): Value {
    return this.addMany(op, inputs, attrs, [{ shape, dtype }], domain)[0] as Value;
  }

  /** True where the size depends on the batch. */
  isDynamic(dim: number): boolean {
    return this.batch > 0 && dim > 0 && dim % this.batch === 0;
  }
}

/**
 * Rebuilds the graph node by node. `visit` sees each node with its inputs already replaced; it returns the values that
 * stand in for the node's outputs (new nodes go to the graph as usual), or undefined to keep the node.
 */
export function rewrite(graph: Graph, visit: (node: Node) => readonly Value[] | undefined): void {
  const replaced = new Map<Value, Value>();
  const now = (value: Value): Value => replaced.get(value) ?? value;
  const old = graph.nodes;
  graph.nodes = [];
  for (const node of old) {
    node.inputs = node.inputs.map((v) => v && now(v));
    const result = visit(node);
    if (result === undefined) graph.nodes.push(node);
    else {
      for (const [i, v] of node.outputs.entries()) replaced.set(v, result[i] as Value);
    }
  }
  graph.outputs = graph.outputs.map(({ name, value }) => ({ name, value: now(value) }));
}

/**
 * A copy of a graph, which itself stays as it is. `visit` sees each node with what its inputs have become and gives the values that stand
 * for its outputs, or undefined to copy it; `enter` gives what nodes read in place of an input. Inputs and constants are the same values
 * in both.
 */
export function rebuilt(
  source: Graph,
  visit: (out: Graph, node: Node, inputs: readonly (Value | undefined)[]) => readonly Value[] | undefined,
  enter: (out: Graph, input: Value) => Value = (_, input) => input,
): Graph {
  const out = new Graph(source.batch);
  out.inputs = source.inputs;
  const now = new Map(source.inputs.map(({ value }) => [value, enter(out, value)]));
  for (const node of source.nodes) {
    const inputs = node.inputs.map((v) => v && (now.get(v) ?? v));
    const made = visit(out, node, inputs) ?? out.addMany(node.op, inputs, node.attrs, node.outputs, node.domain);
    for (const [i, old] of node.outputs.entries()) now.set(old, made[i] as Value);
  }
  out.outputs = source.outputs.map(({ name, value }) => ({ name, value: now.get(value) ?? value }));
  return out;
}

/** How many operands and graph outputs read each value. */
export function countUses(graph: Graph): Map<Value, number> {
  const uses = new Map<Value, number>();
  const use = (v: Value | undefined) => v && uses.set(v, (uses.get(v) ?? 0) + 1);
  for (const node of graph.nodes) for (const v of node.inputs) use(v);
  for (const { value } of graph.outputs) use(value);
  return uses;
}

/** The nodes that read each value, once for each operand. */
export function readersOf({ nodes }: Graph): ReadonlyMap<Value, readonly Node[]> {
  const readers = new Map<Value, Node[]>();
  for (const node of nodes) {
    for (const v of node.inputs) {
      if (!v) continue;
      const list = readers.get(v);
      if (list) list.push(node);
      else readers.set(v, [node]);
    }
  }
  return readers;
}
