import { type Graph, type Node, rewrite, type Value } from "../ir.ts";

/**
 * A convolution whose result is cropped at once computes less instead. Gradients are full of it: models pad by hand before a
 * convolution, so its input's gradient is that of the padded map, of which the border is thrown away.
 */
export function foldCrop(graph: Graph, uses: ReadonlyMap<Value, number>): void {
  rewrite(graph, (node) => {
    if (node.op !== "Slice") return undefined;
    const [map] = node.inputs as [Value];
    const crop = cropOf(node, map.shape);
    const from = map.producer;
    if (!from || !crop || uses.get(map) !== 1) return undefined;
    const attrs =
      from.op === "Conv" ? lessPadding(from, crop) : from.op === "ConvTranspose" ? morePadding(from, crop) : undefined;
    return attrs && [graph.add(from.op, from.inputs, attrs, (node.outputs[0] as Value).shape)];
  });
}

/** What a slice takes away of height and width: top, left, bottom, right. */
function cropOf({ attrs }: Node, shape: readonly number[]): number[] | undefined {
  const list = (name: string) => attrs[name] as readonly number[];
  const axes = list("axes");
  if (shape.length !== 4 || axes.some((axis) => axis < 2) || list("steps").some((step) => step !== 1)) return undefined;
  const crop = [0, 0, 0, 0];
  for (const [i, axis] of axes.entries()) {
    const [start, end] = [list("starts")[i] as number, list("ends")[i] as number];
    if (start < 0 || end < 0) return undefined;
    crop[axis - 2] = start;
    crop[axis] = Math.max(0, (shape[axis] as number) - end);
  }
  return crop;
}

function lessPadding({ attrs }: Node, crop: readonly number[]): Node["attrs"] | undefined {
  if ((attrs.strides as readonly number[]).some((stride) => stride !== 1)) return undefined;
  const pads = (attrs.pads as readonly number[]).map((p, i) => p - (crop[i] as number));
  return pads.every((p) => p >= 0) ? { ...attrs, pads } : undefined;
}

/** A transposed convolution's padding is what its result lacks; rows that were added for a stride's rest go first. */
function morePadding({ attrs }: Node, crop: readonly number[]): Node["attrs"] {
  const rest = [...(attrs.output_padding as readonly number[])];
  const pads = (attrs.pads as readonly number[]).map((p, i) => {
    const cut = crop[i] as number;
    if (i < 2) return p + cut;
    const spare = Math.min(rest[i - 2] as number, cut);
    rest[i - 2] = (rest[i - 2] as number) - spare;
    return p + cut - spare;
  });
  return { ...attrs, pads, output_padding: rest };
}
