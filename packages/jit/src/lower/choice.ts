/**
 * A filter's gradient that a session's processor may compute in another way than plain ONNX: a node that has the map, the slope and
 * the plain result. Passes see an op that they do not know; `passes/blocked.ts` puts one of the two in its place.
 */
import { toNchw } from "../build.ts";
import type { Graph, Node, Value } from "../ir.ts";
import { beforePad } from "./before-pad.ts";
import { type ConvInfo, windowAttrs } from "./conv-info.ts";
import type { FilterShape } from "./filter-products.ts";

const DOMAIN = "vitrail";
const FILTER_GRADIENT = "FilterGradient";

/** `made`, [K, C, kh, kw], as one of two ways. */
export function leaveOpen(g: Graph, x: Value, dy: Value, info: ConvInfo, made: Value): Value {
  if (!g.choices) return made;
  const inputs = [toNchw(g, x), toNchw(g, dy), made];
  return g.add(FILTER_GRADIENT, inputs, windowAttrs(info), made.shape, made.dtype, DOMAIN);
}

export const isFilterGradient = ({ op, domain }: Node): boolean => domain === DOMAIN && op === FILTER_GRADIENT;

/** What such a node asks for, of the map as it was before zeros were put around it. */
export interface FilterGradient {
  /** [N, C, H, W] */
  readonly source: Value;
  /** [N, K, h, w] */
  readonly dy: Value;
  readonly filter: FilterShape;
  readonly strides: readonly [number, number];
  /** Rows of zeros above `source`, columns before it. */
  readonly before: readonly [top: number, left: number];
}

export function filterGradientOf({ inputs, attrs, outputs }: Node): FilterGradient {
  const [map, dy] = inputs as [Value, Value];
  const { source, around } = beforePad(map, 0, [2, 3]);
  const [top, left] = attrs.pads as [number, number];
  return {
    source,
    dy,
    filter: (outputs[0] as Value).shape as FilterShape,
    strides: attrs.strides as [number, number],
    before: [top + around[0], left + around[1]],
  };
}
