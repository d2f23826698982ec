/**
 * An input's gradient, a transposed convolution, as blocked convolutions of stride 1: one for each of the stride's phases, with the
 * taps of the filter that meet it.
 *
 *   dx[y] = Σ over h, i with s h + i - top = y of W[i] dy[h], so that rows y = r, r + s, r + 2 s, … see every s-th tap only
 *
 * Shapes: N images; K channels of the slope, C of the map; H x W the map, h x w the slope; s the stride; b the size of a block.
 */
import { concat, pad, reshape, slice, transpose } from "../build.ts";
import type { Graph, Node, Value } from "../ir.ts";
import { convolution, type Forms, reorderInput, tapsFirst } from "./blocked-forms.ts";

/** Rows or columns of the map that lie a stride apart. */
interface Phase {
  /** The last tap that they see, of `count`, each a stride before the other: a convolution reads them from there. */
  readonly last: number;
  readonly count: number;
  readonly stride: number;
  /** Padding of the slope. */
  readonly before: number;
  readonly after: number;
}

/** The gradient in blocks, [N, C, H, W], or undefined where there are no whole blocks or a phase is not a convolution. */
export function inputGradient(forms: Forms, { inputs, attrs, outputs }: Node): Value | undefined {
  const { out: g, block: b } = forms;
  const [dy, filter] = inputs as [Value, Value];
  const [N, C, H, W] = (outputs[0] as Value).shape as [number, number, number, number];
  const [K, , kh, kw] = filter.shape as [number, number, number, number];
  const [, , h, w] = dy.shape as [number, number, number, number];
  const [sh, sw] = attrs.strides as [number, number];
  const [top, left] = attrs.pads as [number, number];
  if (attrs.group !== 1 || inputs.length !== 2 || K % b !== 0 || C % b !== 0) return undefined;
  const [T, U] = [Math.ceil(H / sh), Math.ceil(W / sw)]; // rows and columns of a phase
  // A 1 x 1 filter meets one phase only; the others are zero.
  const alone = kh * kw === 1 && top + left === 0 && T === h && U === w;
  const rows = phases(kh, alone ? 1 : sh, top, T, h);
  const columns = phases(kw, alone ? 1 : sw, left, U, w);
  if (![...rows, ...columns].every(({ count, before, after }) => count > 0 && before >= 0 && after >= 0))
    return undefined;

  const turned = reorderInput(g, forms.plain(filter)); // [K, C / b, kh, kw, b of C]
  const lines = transpose(g, reshape(g, turned, [K, C / b, kh * kw * b]), [1, 0, 2]);
  const apart = reshape(g, lines, [(C / b) * (K / b), b, kh * kw, b]);
  const slope = forms.blocked(dy);
  const parts = rows.map((row) => {
    const line = columns.map((column) => {
      const window = [row.count, column.count] as const;
      const taps = reshape(g, tapsFirst(g, apart, tapsSeen(row, column, kw)), [C, K, ...window]);
      const pads = [row.before, column.before, row.after, column.after];
      return convolution(g, [slope, taps], [N, C, T, U], { pads });
    });
    return line;
  });
  const only = parts[0]?.[0] as Value;
  if (sh * sw === 1) return only;
  const pixels = (N * C) / b;
  const whole = alone
    ? pad(g, reshape(g, only, [pixels, T, 1, U, 1, b]), [0, 0, 0, 0, 0, 0, 0, 0, sh - 1, 0, sw - 1, 0], 0)
    : woven(g, parts, [pixels, T, U, b]);
  const map = reshape(g, whole, [N, C / b, T * sh, U * sw, b]);
  return reshape(g, slice(g, map, [0, 0, 0, 0, 0], [N, C / b, H, W, b]), [N, C, H, W]);
}

/** Each phase of one side: `size` rows, of a map from a slope of `length` by a window of `kernel`. */
function phases(kernel: number, stride: number, padding: number, size: number, length: number): Phase[] {
  return Array.from({ length: stride }, (_, r) => {
    const first = (r + padding) % stride;
    const count = Math.max(0, Math.ceil((kernel - first) / stride));
    const from = (r + padding - first) / stride; // the slope's row that the first tap meets at the phase's first
    return { last: first + (count - 1) * stride, count, stride, before: count - 1 - from, after: from + size - length };
  });
}

/** The taps that a phase sees, row by row, from the last to the first. */
function tapsSeen(row: Phase, column: Phase, kw: number): number[] {
  const places = ({ last, count, stride }: Phase) => Array.from({ length: count }, (_, i) => last - i * stride);
  return places(row).flatMap((i) => places(column).map((j) => i * kw + j));
}

/** Phases of rows and columns as one map, [pixels, T, rows, U, columns, b]: runs of a block at a time, then of a row. */
function woven(
  g: Graph,
  parts: readonly (readonly Value[])[],
  [pixels, T, U, b]: readonly [number, number, number, number],
): Value {
  const lines = parts.map((line) => {
    const beside = line.map((part) => reshape(g, part, [pixels * T * U, 1, b]));
    return reshape(g, concat(g, beside, 1), [pixels * T, 1, U * line.length * b]);
  });
  return concat(g, lines, 1);
}
