/**
 * Convolutions whose windows lie side by side (patch embeddings): cutting the map into windows is a view and one
 * transpose with long runs, and the rest is a plain matrix product, in every direction.
 */
import { gemm, reshape, transpose } from "../build.ts";
import type { Graph, Value } from "../ir.ts";
import type { ConvInfo } from "./conv-info.ts";

/** Whether the windows tile the map exactly. */
export function isPatches(info: ConvInfo): boolean {
  const { top, bottom, left, right } = info.padInfo;
  return (
    info.filterHeight * info.filterWidth > 1 &&
    info.filterHeight === info.strideHeight &&
    info.filterWidth === info.strideWidth &&
    info.dilationHeight === 1 &&
    info.dilationWidth === 1 &&
    top + bottom + left + right === 0 &&
    info.outHeight * info.filterHeight === info.inHeight &&
    info.outWidth * info.filterWidth === info.inWidth
  );
}

/** [B, H, W, C] -> [B h w, kh kw C], a window a row. */
export function toRows(g: Graph, x: Value, info: ConvInfo): Value {
  const { batchSize: B, outHeight: h, outWidth: w, filterHeight: kh, filterWidth: kw, inChannels: C } = info;
  const apart = reshape(g, x, [B, h, kh, w, kw * C]);
  return reshape(g, transpose(g, apart, [0, 1, 3, 2, 4]), [B * h * w, kh * kw * C]);
}

/** The inverse of {@link toRows}. */
export function fromRows(g: Graph, rows: Value, info: ConvInfo): Value {
  const { batchSize: B, outHeight: h, outWidth: w, filterHeight: kh, filterWidth: kw, inChannels: C } = info;
  const apart = reshape(g, rows, [B, h, w, kh, kw * C]);
  return reshape(g, transpose(g, apart, [0, 1, 3, 2, 4]), [B, h * kh, w * kw, C]);
}

const rowsOf = (g: Graph, w: Value, info: ConvInfo): Value =>
  reshape(g, w, [info.filterHeight * info.filterWidth * info.inChannels, info.outChannels]);

/** The convolution of [B, H, W, C] with [kh, kw, C, K]. */
export function patchConv(g: Graph, x: Value, filter: Value, info: ConvInfo): Value {
  return reshape(g, gemm(g, toRows(g, x, info), rowsOf(g, filter, info), false, false), info.outShape);
}

/** Its gradient for x. */
export function patchConvInput(g: Graph, dy: Value, filter: Value, info: ConvInfo): Value {
  const flat = reshape(g, dy, [info.batchSize * info.outHeight * info.outWidth, info.outChannels]);
  return fromRows(g, gemm(g, flat, rowsOf(g, filter, info), false, true), info);
}

/** Its gradient for the filter. */
export function patchConvFilter(g: Graph, x: Value, dy: Value, info: ConvInfo): Value {
  const flat = reshape(g, dy, [info.batchSize * info.outHeight * info.outWidth, info.outChannels]);
  return reshape(g, gemm(g, toRows(g, x, info), flat, true, false), info.filterShape);
}
