/** The form that a filter's gradient has, and what comes to it. */
import { concat, reshape, transpose } from "../build.ts";
import type { Graph, Value } from "../ir.ts";

/** [K, C, kh, kw]: K output channels, C input channels. */
export type FilterShape = readonly [number, number, number, number];

/** [a, b, ...rest] -> [b, a, ...rest]: for maps, one copy of whole planes. */
export const swapFirst = (g: Graph, x: Value): Value =>
  transpose(g, x, [1, 0, ...x.shape.slice(2).map((_, i) => i + 2)]);

/** Each tap's [K, C] as one filter, [K, C, kh, kw]: as filters are kept, since turning one around costs as much as its product. */
export function besideEachOther(g: Graph, parts: readonly Value[], filter: FilterShape): Value {
  const [K, C] = filter;
  const columns = parts.map((part) => reshape(g, part, [K, C, 1]));
  return reshape(g, concat(g, columns, 2), filter);
}
