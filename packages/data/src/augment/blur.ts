/**
 * Pillow's GaussianBlur (BoxBlur.c): three extended box filters across, three down, each rounded to 8 bits
 * ("Theoretical foundations of Gaussian convolution by extended box filtering", Gwosdek et al., 2011).
 */
import { ImageError } from "../errors.ts";
import { assertImage, type Image } from "../image.ts";
import { runKernels } from "./kernels.ts";

const PASSES = 3;
const round = Math.fround;

/** The box radius, whole part and fraction, that gives a deviation in three passes. In C's single precision. */
function boxRadius(sigma: number): number {
  const s = round(sigma);
  const sigma2 = round(round(s * s) / PASSES);
  const length = round(Math.sqrt(12 * sigma2 + 1)); // [7] box length
  const whole = round(Math.floor((length - 1) / 2)); // [11] whole part of the radius
  // [14], figure 2: the fraction.
  const product = round(whole * round(whole + 1));
  const top = round(round(2 * whole + 1) * round(product - round(3 * sigma2)));
  const square = round(round(whole + 1) * round(whole + 1));
  return round(whole + round(top / round(6 * round(sigma2 - square))));
}

/** One pass of a deviation: whole pixels on each side, and the weights of a whole pixel and of each end in 24 fractional bits. */
export function boxOf(sigma: number): { readonly whole: number; readonly inner: number; readonly outer: number } {
  const radius = boxRadius(sigma);
  const whole = Math.trunc(radius);
  const inner = Math.trunc(round(2 ** 24 / round(round(radius * 2) + 1)));
  return { whole, inner, outer: Math.floor((2 ** 24 - (whole * 2 + 1) * inner) / 2) };
}

/** Blurs with a Gaussian of deviation `sigma` pixels: Pillow's `ImageFilter.GaussianBlur(radius=sigma)`. */
export function gaussianBlur(image: Image, sigma: number): Image {
  assertImage(image);
  if (!(sigma >= 0 && sigma <= 1000))
    throw new ImageError("bad-argument", `gaussianBlur: expected a deviation from 0 to 1000 pixels, found ${sigma}`);
  const { width, height, data } = image;
  if (sigma === 0) return { width, height, data: data.slice() };
  const { whole, inner, outer } = boxOf(sigma);
  const done = runKernels(data, Math.max(width, height) * 12 + 64, (k, from, other, sums) => {
    // Across: columns become rows and back. Each pass goes from one of the two places to the other.
    let [at, to] = [from, other];
    const pass = (run: (src: number, out: number) => void): void => {
      run(at, to);
      [at, to] = [to, at];
    };
    pass((src, out) => k.transpose(src, out, width, height));
    for (let n = 0; n < PASSES; n++) pass((src, out) => k.box(src, out, height * 3, width, whole, inner, outer, sums));
    pass((src, out) => k.transpose(src, out, height, width));
    for (let n = 0; n < PASSES; n++) pass((src, out) => k.box(src, out, width * 3, height, whole, inner, outer, sums));
    return at;
  });
  return { width, height, data: done ?? blurScript(image, whole, inner, outer) };
}

/** The same in JavaScript: radius, and the weights of a whole pixel and of each end. */
export function blurScript({ width, height, data }: Image, whole: number, inner: number, outer: number): Uint8Array {
  const a = data.slice();
  const line = new Uint8Array(Math.max(width, height) * 3 + 1);
  for (let y = 0; y < height; y++)
    for (let n = 0; n < PASSES; n++) boxLine(a, y * width * 3, width, 3, whole, inner, outer, line);
  const row = width * 3;
  for (let x = 0; x < width; x++)
    for (let n = 0; n < PASSES; n++) boxLine(a, x * 3, height, row, whole, inner, outer, line);
  return a;
}

/** One pass over the three channels of `length` pixels, `step` bytes apart, in place; outside is what the ends are. */
function boxLine(
  data: Uint8Array,
  from: number,
  length: number,
  step: number,
  radius: number,
  inner: number,
  outer: number,
  line: Uint8Array,
): void {
  for (let x = 0, p = from, q = 0; x < length; x++, p += step, q += 3) {
    line[q] = data[p] as number;
    line[q + 1] = data[p + 1] as number;
    line[q + 2] = data[p + 2] as number;
  }
  const last = (length - 1) * 3;
  for (let c = 0; c < 3; c++) {
    // The sum around the pixel before the first.
    let sum = (line[c] as number) * (radius + 1);
    for (let x = 0; x < radius; x++) sum += line[Math.min(x * 3, last) + c] as number;
    for (let x = 0, p = from + c; x < length; x++, p += step) {
      const before = x > radius ? (x - radius - 1) * 3 + c : c;
      const after = x + radius < length ? (x + radius) * 3 + c : last + c;
      const far = x + radius + 1 < length ? (x + radius + 1) * 3 + c : last + c;
      const gone = line[before] as number;
      sum += (line[after] as number) - gone;
      data[p] = (Math.imul(sum, inner) + Math.imul(gone + (line[far] as number), outer) + (1 << 23)) >>> 24;
    }
  }
}
