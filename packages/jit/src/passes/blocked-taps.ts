import type { Value } from "../ir.ts";
import { convolution, type Forms } from "./blocked-forms.ts";

/** Along rows or columns of a map: position q of `size` sees the map's `stride` q + `offset`, and zero where that lies outside. */
export interface Reach {
  readonly offset: number;
  readonly stride: number;
  readonly size: number;
}

/**
 * What one tap of a window sees of a map [N, C, H, W] in blocks: [N, C, rows.size, columns.size] in blocks. A depthwise convolution
 * whose filter is one at the tap and zero elsewhere, which cuts, pads and strides in one pass on all threads; Slice and Pad have one
 * thread, and with a stride go value by value. Cut once for all that ask.
 */
export function tapOf(forms: Forms, x: Value, rows: Reach, columns: Reach): Value {
  const [N, C, H, W] = x.shape as [number, number, number, number];
  const sides = [sideOf(rows, H), sideOf(columns, W)] as const;
  if (sides.every(({ same }) => same)) return x;
  return forms.once(x, JSON.stringify([rows, columns]), () => {
    const { out: g, block: b } = forms;
    const [kh, kw] = sides.map(({ kernel }) => kernel) as [number, number];
    const [i, j] = sides.map(({ hot }) => hot) as [number, number];
    const filter = new Float32Array(C * kh * kw); // [C / b, 1, kh, kw, b]
    for (let c = 0; c < C / b; c++) {
      const at = ((c * kh + i) * kw + j) * b;
      filter.fill(1, at, at + b);
    }
    return convolution(g, [x, g.constant(filter, [C, 1, kh, kw], "float32")], [N, C, rows.size, columns.size], {
      strides: [rows.stride, columns.stride],
      pads: [...sides.map(({ before }) => before), ...sides.map(({ after }) => after)],
      group: C,
    });
  });
}

/** The shortest filter and the padding that reach so, over a map of `length`. */
function sideOf({ offset, stride, size }: Reach, length: number) {
  const before = Math.max(0, -offset);
  const hot = Math.max(0, offset);
  const kernel = Math.max(hot + 1, length + before - size * stride + 1); // longer than to the tap where that ends the map early
  const after = Math.max(0, (size - 1) * stride + kernel - length - before);
  return { before, hot, kernel, after, same: offset === 0 && stride === 1 && size === length };
}
