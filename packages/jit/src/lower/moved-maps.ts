/**
 * Filters that leave a map its size: what their taps see is the map, moved. What moves values has one thread, and the others wait to
 * read what it wrote: few moves, of long runs.
 *
 * Shapes: N images; C input and K output channels; h x w the map; kh x kw the filter; T = N h w.
 */
import { concat, gatherAt, gemm, mul, pad, reshape, slice, toNchw, transpose } from "../build.ts";
import type { Graph, Value } from "../ir.ts";
import { besideEachOther, type FilterShape, swapFirst } from "./filter-products.ts";

/** Up to this many output channels the slopes of a filter's rows are joined to one product. */
const JOINED_CHANNELS = 64;

/** Rows above a map and columns before it, all of zeros. */
export type Before = readonly [top: number, left: number];

/** [N, h, w, C] as [C N, h w]: between the axes that were turned, so that they are turned once and not behind each move (passes/layout.ts). */
function planesOf(g: Graph, v: Value): Value {
  const [N, h, w, C] = v.shape as [number, number, number, number];
  return reshape(g, swapFirst(g, toNchw(g, v)), [C * N, h * w]);
}

/** Lines of so many values move right by at least {@link LEAST_MOVE} at a time. */
const LONG_LINE = 512;
const LEAST_MOVE = 8;

/**
 * Planes [P, h w], each moved by so many pixels of its one line, zero where nothing comes to lie: runs are long. Where one side of an
 * axis is cut, ONNX Runtime pads row by row of the last one (docs/decisions/0010).
 *
 * Long lines move right by a few values in two moves, over a longer line: a copy to a few bytes behind its source, where both start at
 * the same place of a memory page, takes 16 times as long with some libraries of C on some processors (glibc's bug 30994; 0010).
 */
function along(g: Graph, planes: Value, by: number): Value {
  const [P, size] = planes.shape as [number, number];
  if (Math.abs(by) >= size) return mul(g, planes, g.scalar(0));
  if (by <= 0 || by >= LEAST_MOVE || size < LONG_LINE) return pad(g, planes, [0, by, 0, -by], 0);
  const from = LEAST_MOVE - by;
  return slice(g, pad(g, planes, [0, LEAST_MOVE, 0, 0], 0), [0, from], [P, from + size]);
}

/** Planes [P, h w] without the columns that would come to lie in the next row or the one before where lines move by `columns`. */
function unwrapped(g: Graph, planes: Value, w: number, columns: number): Value {
  if (columns === 0) return planes;
  const stays = (q: number) => q + columns >= 0 && q + columns < w;
  const size = planes.shape[1] as number;
  const kept = Float32Array.from({ length: size }, (_, at) => (stays(at % w) ? 1 : 0));
  return mul(g, planes, g.constant(kept, [size], "float32"));
}

/** What each tap sees, kh x kw times [C N, h w]. */
export function movedTaps(g: Graph, source: Value, [, , kh, kw]: FilterShape, [top, left]: Before): Value[] {
  const w = source.shape[2] as number;
  const maps = planesOf(g, source);
  const columns = Array.from({ length: kw }, (_, j) => unwrapped(g, maps, w, left - j));
  return Array.from({ length: kh }, (_, i) =>
    columns.map((column, j) => along(g, column, (top - i) * w + left - j)),
  ).flat();
}

/**
 * The gradient, [K, C, kh, kw]: the map moved once for each of the filter's columns, the slope once for each of its rows, instead of a
 * window for each tap.
 *
 *   dW[k, c, i, j] = Σ over n, r, q of dy[n, k, r - i + top, q] x[n, c, r, q + j - left]
 */
export function movedFilter(g: Graph, source: Value, dy: Value, filter: FilterShape, [top, left]: Before): Value {
  const [K, C, kh, kw] = filter;
  const [N, h, w] = source.shape as [number, number, number, number];
  const matrix = (v: Value): Value => reshape(g, v, [(v.shape[0] as number) / N, N * h * w]);
  const [maps, slopes] = [planesOf(g, source), planesOf(g, dy)];
  const columns = Array.from({ length: kw }, (_, j) => matrix(along(g, unwrapped(g, maps, w, left - j), left - j)));
  const moves = Array.from({ length: kh }, (_, i) => i - top);
  if (K > JOINED_CHANNELS) {
    const rows = moves.map((by) => matrix(along(g, slopes, by * w)));
    const parts = rows.flatMap((row) => columns.map((column) => gemm(g, row, column, false, true)));
    return besideEachOther(g, parts, filter);
  }
  // Few channels: the slopes joined, since a product with few rows reads the map for each of them anew.
  const joined = movedRows(g, reshape(g, slopes, [K, N, h, w]), moves);
  const parts = columns.map((column) => reshape(g, gemm(g, joined, column, false, true), [K, kh, C, 1]));
  return transpose(g, concat(g, parts, 3), [0, 2, 1, 3]);
}

/** [K, N, h, w], moved by so many rows each time: [K moves, T]. One gather makes them all; a row of zeros lies behind each channel's. */
function movedRows(g: Graph, slopes: Value, moves: readonly number[]): Value {
  const [K, N, h, w] = slopes.shape as [number, number, number, number];
  if (moves.length === 1 && moves[0] === 0) return reshape(g, slopes, [K, N * h * w]);
  const lines = pad(g, reshape(g, slopes, [K, N * h * w]), [0, 0, 0, w], 0);
  const places = moves.flatMap((by) =>
    Array.from({ length: N * h }, (_, line) => {
      const row = (line % h) - by;
      return row >= 0 && row < h ? line - by : N * h;
    }),
  );
  const moved = gatherAt(g, reshape(g, lines, [K, N * h + 1, w]), places, 1);
  return reshape(g, moved, [K * moves.length, N * h * w]);
}
