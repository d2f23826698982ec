import { type Graph, type Node, readersOf, rewrite, sameShape, type Value } from "../ir.ts";
import { scalarOperand } from "./match.ts";

/**
 * A matrix product takes a factor at no cost. Where its result x is read as x s, s a number, and as x Φ, and x Φ by products alone,
 * it gives x s instead, x Φ becomes (x s) Φ, and those products take 1 / s: GELU's z / √2 is there without a pass over the map.
 */
export function scaleProducts(graph: Graph): void {
  const readers = new Map(readersOf(graph));
  for (const { value } of graph.outputs) readers.delete(value); // what is given out nobody may change
  const scaled = new Map<Node, number>(); // products that give s times what they gave
  const taken = new Map<Node, number>(); // products whose operand is s times what it was
  const gone = new Set<Node>(); // x s, which x is now
  for (const node of graph.nodes) {
    const found = node.op === "Mul" ? match(node, readers) : undefined;
    if (!found || scaled.has(found.product) || found.after.some((one) => taken.has(one))) continue;
    scaled.set(found.product, found.factor);
    gone.add(node);
    for (const one of found.after) taken.set(one, found.factor);
  }
  rewrite(graph, (node) => {
    if (gone.has(node)) return [scalarOperand(node.outputs[0], "Mul")?.x as Value];
    const [more, less] = [scaled.get(node), taken.get(node)];
    if (more === undefined && less === undefined) return undefined;
    const alpha = (((node.attrs.alpha as number | undefined) ?? 1) * (more ?? 1)) / (less ?? 1);
    const beta = ((node.attrs.beta as number | undefined) ?? 1) * (more ?? 1);
    const { shape, dtype } = node.outputs[0] as Value;
    return [graph.add("Gemm", node.inputs, { ...node.attrs, alpha, beta }, shape, dtype)];
  });
}

type Readers = ReadonlyMap<Value, readonly Node[]>;

/** No factor that could take a value out of float32's range on its way. */
const isModest = (factor: number): boolean => Math.abs(factor) >= 1 / 16 && Math.abs(factor) <= 16;

const isGemm = (node: Node | undefined): node is Node => node?.op === "Gemm" && node.domain === "";

function match(node: Node, readers: Readers) {
  const { x, scalar: factor } = scalarOperand(node.outputs[0], "Mul") ?? {};
  if (!x || !factor || !isModest(factor) || !sameShape(x.shape, node.outputs[0]?.shape ?? [])) return undefined;
  const product = x.producer?.op === "Reshape" ? x.producer.inputs[0]?.producer : x.producer;
  if (!isGemm(product) || readers.get(product.outputs[0] as Value)?.length !== (product === x.producer ? 2 : 1)) {
    return undefined;
  }
  const all = readers.get(x) ?? [];
  const other = all.find((one) => one !== node);
  if (all.length !== 2 || other?.op !== "Mul" || other.inputs[0] === other.inputs[1]) return undefined;
  const after = productsAfter(other.outputs[0] as Value, readers);
  // One that reads it as both operands would need the factor twice.
  return after && new Set(after).size === after.length ? { factor, product, after } : undefined;
}

/** The products that read a value as an operand, where nobody else reads it. */
function productsAfter(v: Value, readers: Readers): readonly Node[] | undefined {
  const found: Node[] = [];
  for (const node of readers.get(v) ?? []) {
    if (node.op === "Reshape") {
      const later = productsAfter(node.outputs[0] as Value, readers);
      if (!later) return undefined;
      found.push(...later);
    } else if (isGemm(node) && (node.inputs[0] === v) !== (node.inputs[1] === v) && node.inputs[2] !== v)
      found.push(node);
    else return undefined;
  }
  return found.length > 0 ? found : undefined;
}
