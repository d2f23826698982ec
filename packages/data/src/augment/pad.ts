import type { Rgb } from "../crop.ts";
import { ImageError } from "../errors.ts";
import { assertImage, type Image } from "../image.ts";

/** What lies beyond a picture's border: one colour, its last pixel, or its mirror image without (`reflect`) or with that pixel. */
export type PaddingMode = "constant" | "edge" | "reflect" | "symmetric";

/**
 * Where `length` pixels of an axis come from that begin at `from`, which may lie outside of its `size` pixels; -1 where the colour
 * is. As numpy's `pad`, whose mirrors repeat where the border is wider than the picture.
 */
export function windowOf(size: number, from: number, length: number, mode: PaddingMode): Int32Array {
  const period = mode === "reflect" ? Math.max(1, 2 * (size - 1)) : 2 * size;
  const axis = new Int32Array(length);
  for (let i = 0; i < length; i++) {
    const x = from + i;
    if (x >= 0 && x < size) axis[i] = x;
    else if (mode === "constant") axis[i] = -1;
    else if (mode === "edge") axis[i] = x < 0 ? 0 : size - 1;
    else {
      const folded = ((x % period) + period) % period;
      axis[i] = folded < size ? folded : mode === "reflect" ? period - folded : period - 1 - folded;
    }
  }
  return axis;
}

/** The picture whose pixel (x, y) is the picture's (xs[x], ys[y]), `fill` where one of them is negative. */
export function gather({ width: w, data: src }: Image, xs: Int32Array, ys: Int32Array, fill: Rgb): Image {
  const width = xs.length;
  const height = ys.length;
  const data = new Uint8Array(width * height * 3);
  const [r, g, b] = fill;
  for (let y = 0, o = 0; y < height; y++) {
    const row = ys[y] as number;
    for (let x = 0; x < width; x++, o += 3) {
      const column = xs[x] as number;
      const inside = row >= 0 && column >= 0;
      const p = (row * w + column) * 3;
      data[o] = inside ? (src[p] as number) : r;
      data[o + 1] = inside ? (src[p + 1] as number) : g;
      data[o + 2] = inside ? (src[p + 2] as number) : b;
    }
  }
  return { width, height, data };
}

/** Pads a picture by `border` pixels on each side: torchvision's `pad`. */
export function padWith(image: Image, border: number, mode: PaddingMode, fill: Rgb = [0, 0, 0]): Image {
  assertImage(image);
  assertPadding(border, mode);
  const { width, height } = image;
  const xs = windowOf(width, -border, width + 2 * border, mode);
  return gather(image, xs, windowOf(height, -border, height + 2 * border, mode), fill);
}

/** Throws unless the border and the mode make sense. */
export function assertPadding(border: number, mode: string): asserts mode is PaddingMode {
  if (!Number.isSafeInteger(border) || border < 0)
    throw new ImageError("bad-argument", `padding: expected a whole number of pixels of at least 0, found ${border}`);
  if (mode !== "constant" && mode !== "edge" && mode !== "reflect" && mode !== "symmetric")
    throw new ImageError(
      "bad-argument",
      `paddingMode: expected constant, edge, reflect or symmetric, found ${JSON.stringify(mode)}`,
    );
}
