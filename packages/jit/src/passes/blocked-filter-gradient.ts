/**
 * A filter's gradient as blocked convolutions, one for each of its rows, or one for all of them.
 *
 *   dW[k, c, i, j] = Σ over n, h, w of dy[n, k, h, w] x[n, c, sh h + i - top, sw w + j - left]
 *
 * The sum over images n and rows h is one over input channels, that over w is the window, which slides along the map's width to
 * give all j, and the channels c lie where a convolution has its width: its kernels are fast where there is plenty of that. So no
 * tap is cut out of the map; each row i takes the map's rows that it sees. Shapes: N images; C input and K output channels;
 * H x W the map, h x w the slope; kh x kw the filter; b the size of a block, here of images.
 */
import { concat, gatherAt, pad, reshape, slice, transpose } from "../build.ts";
import type { Graph, Node, Value } from "../ir.ts";
import { filterGradientOf } from "../lower/choice.ts";
import { convolution, type Forms, reorderInput, reorderOutput } from "./blocked-forms.ts";

/** Up to so many channels the blocked way is always the better. */
const FEW_CHANNELS = 64;
/** Of more, with fewer pixels of the slope than this, turning the gradient costs what was saved (docs/decisions/0010). */
const FEWEST_PIXELS = 1024;

/** The gradient, [K, C, kh, kw], or undefined where the plain way is the better or the only one. */
export function filterGradient(forms: Forms, node: Node): Value | undefined {
  const { out: g, block: b } = forms;
  const { source: x, dy, filter: shape, strides, before } = filterGradientOf(node);
  const [K, C, kh, kw] = shape;
  const [N, , H, W] = x.shape as [number, number, number, number];
  const [, , h, w] = dy.shape as [number, number, number, number];
  const [[sh, sw], [top, left]] = [strides, before];
  if (N % b !== 0 || K % b !== 0 || C < b) return undefined;
  if (Math.max(C, K) > FEW_CHANNELS && (sh > 1 || N * h * w < FEWEST_PIXELS)) return undefined;
  const columns = (w - 1) * sw + kw - left; // those that windows reach, from the map's first: a stride may leave some over
  const rows = Array.from({ length: kh }, (_, i) => rowsSeen(i - top, sh, H, h));
  if (columns < 1 || rows.some(({ begin, end }) => begin >= end)) return undefined;

  const maps = imagesAsChannels(forms, x);
  const slopes = reshape(g, forms.blocked(dy), [N / b, b, K / b, h, w, b]);
  const filters = reshape(g, transpose(g, slopes, [2, 3, 0, 4, 1, 5]), [K / b, h, N * w * b]); // [.., h, N / b, w, b of N, b of K]
  const width = Math.min(W, columns);
  const window = { dilations: [sw, 1] as const, pads: [left, 0, columns - width, 0] };
  if (K === b && sh === 1) {
    const all = sideBySide(g, filters, kh, top, H);
    const whole = slice(g, maps, [0, 0, 0, 0, 0], [H, N / b, width, C, b]);
    const operands = [reshape(g, whole, [1, H * N, width, C]), reshape(g, all, [kh * K, H * N, w, 1])];
    const found = reorderOutput(g, convolution(g, operands, [1, kh * K, kw, C], window));
    return ordered(g, reshape(g, found, [kh, K, kw, C]));
  }
  const parts = rows.map(({ begin, end }, i) => {
    const [from, count] = [begin * sh + i - top, end - begin];
    const seen = slice(
      g,
      maps,
      [from, 0, 0, 0, 0],
      [from + (count - 1) * sh + 1, N / b, width, C, b],
      [sh, 1, 1, 1, 1],
    );
    const filter = slice(g, filters, [0, begin, 0], [K / b, end, N * w * b]);
    const operands = [reshape(g, seen, [1, count * N, width, C]), reshape(g, filter, [K, count * N, w, 1])];
    return convolution(g, operands, [1, K, kw, C], window);
  });
  return ordered(g, reorderOutput(g, concat(g, parts, 0)));
}

/** [kh, K, kw, C] as [K, C, kh, kw] in two moves, of long runs and of the last axis alone: one of single values takes three times as long. */
const ordered = (g: Graph, rows: Value): Value => transpose(g, transpose(g, rows, [1, 0, 2, 3]), [0, 3, 1, 2]);

/** [N, C, H, W] as [H, N / b, W, C, b of N]; in blocks of channels already, longer runs move. */
function imagesAsChannels(forms: Forms, x: Value): Value {
  const { out: g, block: b } = forms;
  const [N, C, H, W] = x.shape as [number, number, number, number];
  const blocked = forms.isBlocked(x);
  const images = reorderInput(g, reshape(g, blocked ? forms.blocked(x) : forms.plain(x), [1, N, C * H, W]));
  if (!blocked) return transpose(g, reshape(g, images, [N / b, C, H, W, b]), [2, 0, 3, 1, 4]);
  const apart = transpose(g, reshape(g, images, [N / b, C / b, H, W, b * b]), [2, 0, 3, 1, 4]);
  return reshape(g, apart, [H, N / b, W, C, b]);
}

/**
 * One block of output channels is too little for a convolution to run at full speed: the filters of all rows of the gradient beside
 * each other, zero where a row of the map has none of the slope. [kh, H, ...]
 */
function sideBySide(g: Graph, filters: Value, rows: number, top: number, H: number): Value {
  const [, h] = filters.shape as [number, number, number];
  const more = pad(g, filters, [0, 0, 0, 0, 1, 0], 0);
  const places = Array.from({ length: rows * H }, (_, k) => {
    const at = (k % H) - Math.floor(k / H) + top;
    return at >= 0 && at < h ? at : h;
  });
  return gatherAt(g, more, places, 1);
}

/** Rows of the slope, of h, whose window's row at `offset` lies on a map of H rows. */
function rowsSeen(offset: number, stride: number, H: number, h: number): { begin: number; end: number } {
  const begin = Math.max(0, Math.ceil(-offset / stride));
  return { begin, end: Math.min(h, Math.floor((H - 1 - offset) / stride) + 1) };
}
