/**
 * Convolutions in ONNX Runtime's blocked layout, [N, C / b, H, W, b] in memory, whose kernels need neither im2col nor packing.
 * The runtime's own optimiser takes them for constant filters only; a training step's filters are inputs, so the step names the
 * ops itself and turns the filters in the graph. So does an inference with convolutions that become Winograd's, whose parts the
 * runtime would not see through. For sessions on the CPU alone: the ops are the runtime's private ones.
 *
 * https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/contrib_ops/cpu/nchwc_ops.cc and
 * core/optimizer/nchwc_transformer.cc. Shapes of blocked values are written [N, C, H, W], as there.
 */
import { type Attrs, type Graph, type Node, readersOf, type Value } from "../ir.ts";
import { isFilterGradient } from "../lower/choice.ts";
import { filterGradient } from "./blocked-filter-gradient.ts";
import { filterProducts } from "./blocked-filter-products.ts";
import { BLOCKED_DOMAIN, blockFilter, Forms } from "./blocked-forms.ts";
import { inputGradient } from "./blocked-input-gradient.ts";
import { asConvolution, throughBlocks } from "./blocked-maps.ts";
import { turnedProduct } from "./blocked-products.ts";
import { type Reach, tapOf } from "./blocked-taps.ts";
import { winogradRows } from "./blocked-winograd.ts";
import { removeDeadCode } from "./dead-code.ts";
import { simplify } from "./simplify.ts";

/**
 * A copy of `source` with its convolutions in blocks of `block` channels, or with all choices made for plain ONNX where that is 1.
 * `source` stays as it is: another engine may have to run it.
 */
export function blockConvolutions(source: Graph, block: number): Graph {
  const forms = new Forms(source, block);
  const { out } = forms;
  const readers = readersOf(source);
  for (const node of source.nodes) {
    const { op, attrs, domain, outputs } = node;
    if (isFilterGradient(node)) {
      const plain = forms.plain(node.inputs[2] as Value);
      const inBlocks = block > 1 ? (filterGradient(forms, node) ?? filterProducts(forms, node)) : undefined;
      forms.setPlain(outputs[0] as Value, inBlocks ?? plain);
      continue;
    }
    if (block > 1 && winograd(forms, node, readers)) continue;
    if (block > 1 && isBlockable(forms, node)) {
      const [, filter, bias] = node.inputs as [Value, Value, Value | undefined];
      const [y] = outputs as [Value];
      const [map, window] = seenBy(forms, node);
      const inputs = [map, blockFilter(out, forms.plain(filter), block), ...(bias ? [forms.plain(bias)] : [])];
      forms.setBlocked(y, out.add("Conv", inputs, window, y.shape, y.dtype, BLOCKED_DOMAIN));
      continue;
    }
    if (block > 1 && throughBlocks(forms, node)) continue;
    const product = block > 1 ? turnedProduct(forms, node, readers) : undefined;
    if (product) {
      forms.setPlain(outputs[0] as Value, product);
      continue;
    }
    const gradient = block > 1 && op === "ConvTranspose" ? inputGradient(forms, node) : undefined;
    if (gradient) forms.setBlocked(outputs[0] as Value, gradient);
    else {
      const inputs = node.inputs.map((v) => v && forms.plain(v));
      const made = out.addMany(op, inputs, attrs, outputs, domain);
      for (const [i, v] of outputs.entries()) forms.setPlain(v, made[i] as Value);
    }
  }
  out.outputs = source.outputs.map(({ name, value }) => ({ name, value: forms.plain(value) }));
  simplify(out);
  removeDeadCode(out);
  if (block > 1) turnFiltersFirst(out);
  return out;
}

/** A convolution as Winograd's, open for the sum that alone reads it if one does. */
function winograd(forms: Forms, node: Node, readers: ReadonlyMap<Value, readonly Node[]>): boolean {
  const made = winogradRows(forms, node);
  if (!made) return false;
  const [y] = node.outputs as [Value];
  const summed = forms.uses(y) === 1 && readers.get(y)?.[0]?.op === "Add";
  forms.setBlocked(y, summed ? asConvolution(forms.out, made) : made);
  return true;
}

/**
 * The map that a convolution reads, in blocks where it has one, and its window there. For a 1 x 1 filter with a stride the map is thinned
 * first: its kernel without a stride sums over 128 channels before it writes, the one with a stride over those of a block.
 */
function seenBy(forms: Forms, { inputs, attrs, outputs }: Node): [Value, Attrs] {
  const [x, filter] = inputs as [Value, Value];
  if ((x.shape[1] as number) < forms.block) return [forms.plain(x), attrs];
  const map = forms.blocked(x);
  if (filter.shape.slice(2).some((size) => size > 1)) return [map, attrs];
  const [, , H, W] = (outputs[0] as Value).shape as [number, number, number, number];
  const [strides, pads] = [attrs.strides, attrs.pads] as [readonly number[], readonly number[]];
  const reach = (axis: 0 | 1, size: number): Reach => ({
    offset: -(pads[axis] as number),
    stride: strides[axis] as number,
    size,
  });
  return [tapOf(forms, map, reach(0, H), reach(1, W)), { ...attrs, strides: [1, 1], pads: [0, 0, 0, 0] }];
}

/** What only moves values. */
const moves = ["Reshape", "Transpose", "Slice", "Gather", "ReorderInput"];

/**
 * What turns inputs, filters above all, comes first in the file. ONNX Runtime goes from the outputs back and looks at the operand that
 * is last in the file before the others: a filter that is turned behind the map it meets is turned before that map is even begun,
 * and so would all be at once.
 */
function turnFiltersFirst(graph: Graph): void {
  const early = new Set<Node>();
  for (const node of graph.nodes) {
    const ready = node.inputs.every((v) => !v?.producer || early.has(v.producer));
    if (ready && moves.includes(node.op)) early.add(node);
  }
  graph.nodes = [...early, ...graph.nodes.filter((node) => !early.has(node))];
}

/**
 * Whole blocks of output channels, and of input channels where there are as many as a block has: fewer, an image's, are read as
 * they lie. A 1 x 1 filter without a stride is a matrix product already: it is worth blocks where the map is there in them.
 */
function isBlockable(forms: Forms, { op, domain, inputs, attrs }: Node): boolean {
  if (op !== "Conv" || domain !== "" || attrs.group !== 1) return false;
  const { block } = forms;
  const [outChannels, inChannels, ...kernel] = (inputs[1] as Value).shape as [number, number, number, number];
  if (outChannels % block !== 0 || (inChannels >= block && inChannels % block !== 0)) return false;
  return (
    forms.isBlocked(inputs[0] as Value) || [...kernel, ...(attrs.strides as readonly number[])].some((size) => size > 1)
  );
}
