/**
 * A filter's gradient as plain products, of which the map's operand comes out of its blocks: what a tap sees is cut in blocks, on all
 * threads, and read as [T, C], channels last.
 */
import { gemm, reshape } from "../build.ts";
import type { Node, Value } from "../ir.ts";
import { filterGradientOf } from "../lower/choice.ts";
import { besideEachOther, swapFirst } from "../lower/filter-products.ts";
import { channelsLast, type Forms } from "./blocked-forms.ts";
import { tapOf } from "./blocked-taps.ts";

/** The gradient, [K, C, kh, kw], or undefined where the plain way is the better or there are no whole blocks. */
export function filterProducts(forms: Forms, node: Node): Value | undefined {
  const { out: g, block: b } = forms;
  const { source, dy, filter, strides, before } = filterGradientOf(node);
  const [K, C, kh, kw] = filter;
  const [N, , H, W] = source.shape as [number, number, number, number];
  const [, , h, w] = dy.shape as [number, number, number, number];
  const [[sh, sw], [top, left]] = [strides, before];
  if (C % b !== 0 || (sh === 1 && H === h && sw === 1 && W === w)) return undefined; // where the map is only moved, the plain way is as fast
  const x = forms.blocked(source);
  const slopes = reshape(g, swapFirst(g, forms.plain(dy)), [K, N * h * w]);
  const parts = Array.from({ length: kh * kw }, (_, t) => {
    const rows = { offset: Math.floor(t / kw) - top, stride: sh, size: h };
    const columns = { offset: (t % kw) - left, stride: sw, size: w };
    const seen = channelsLast(g, tapOf(forms, x, rows, columns));
    return gemm(g, slopes, reshape(g, seen, [N * h * w, C]), false, false);
  });
  return besideEachOther(g, parts, filter);
}
