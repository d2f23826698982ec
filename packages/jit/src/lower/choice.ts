/**
 * A filter's gradient that a session's processor may compute in another way than plain ONNX: a node that has the map, the slope and
 * the plain result. Passes see an op that they do not know; `passes/blocked.ts` puts one of the two in its place.
 */
import { toNchw } from "../build.ts";
import type { Graph, Node, Value } from "../ir.ts";
import { type ConvInfo, windowAttrs } from "./conv-info.ts";

const DOMAIN = "vitrail";
const FILTER_GRADIENT = "FilterGradient";

/** `made`, [K, C, kh, kw], as one of two ways. */
export function leaveOpen(g: Graph, x: Value, dy: Value, info: ConvInfo, made: Value): Value {
  if (!g.choices) return made;
  const inputs = [toNchw(g, x), toNchw(g, dy), made];
  return g.add(FILTER_GRADIENT, inputs, windowAttrs(info), made.shape, made.dtype, DOMAIN);
}

export const isFilterGradient = ({ op, domain }: Node): boolean => domain === DOMAIN && op === FILTER_GRADIENT;
