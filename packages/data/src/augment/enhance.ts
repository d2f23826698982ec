/**
 * Pillow's ImageEnhance: a blend of a degenerate picture with the picture, beyond it where the factor is above 1. Blend.c
 * works in single precision; so does this.
 */
import { ImageError } from "../errors.ts";
import { assertImage, type Image } from "../image.ts";
import { luma } from "./grayscale.ts";
import { runKernels } from "./kernels.ts";
import { applyLut, tableOf } from "./lut.ts";

function assertFactor(name: string, factor: number): void {
  if (!Number.isFinite(factor))
    throw new ImageError("bad-argument", `${name}: expected a finite factor, found ${factor}`);
}

/** Blend.c of one value: from + factor * (to - from) in floats. */
function blend(from: number, to: number, factor: number): number {
  return Math.fround(from + Math.fround(factor * (to - from)));
}

/** Towards black (0), the picture itself (1), brighter: torchvision's `adjust_brightness`. */
export function adjustBrightness(image: Image, factor: number): Image {
  assertImage(image);
  assertFactor("adjustBrightness", factor);
  const f = Math.fround(factor);
  return applyLut(
    image,
    tableOf((v) => blend(0, v, f)),
  );
}

/** Towards the mean grey (0), the picture itself (1), more contrast: torchvision's `adjust_contrast`. */
export function adjustContrast(image: Image, factor: number): Image {
  assertImage(image);
  assertFactor("adjustContrast", factor);
  const { data } = image;
  let sum = 0;
  for (let i = 0; i < data.length; i += 3) sum += luma(data[i] as number, data[i + 1] as number, data[i + 2] as number);
  const mean = Math.trunc(sum / (data.length / 3) + 0.5);
  const f = Math.fround(factor);
  return applyLut(
    image,
    tableOf((v) => blend(mean, v, f)),
  );
}

/** factor * difference for differences -255 to 255, as floats: what Blend.c multiplies for each value. */
function products(factor: number): Float32Array {
  const f = Math.fround(factor);
  const table = new Float32Array(511);
  for (let i = 0; i < 511; i++) table[i] = f * (i - 255);
  return table;
}

/** Towards grey (0), the picture itself (1), more colour: torchvision's `adjust_saturation`. */
export function adjustSaturation(image: Image, factor: number): Image {
  assertImage(image);
  assertFactor("adjustSaturation", factor);
  const { width, height, data: src } = image;
  const data = runKernels(src, 0, (k, from, to) => {
    k.saturate(from, to, width * height, factor);
    return to;
  });
  return { width, height, data: data ?? saturationScript(image, factor) };
}

/** The same in JavaScript. */
export function saturationScript({ data: src }: Image, factor: number): Uint8Array {
  const table = products(factor);
  const data = new Uint8ClampedArray(src.length);
  for (let i = 0; i < src.length; i += 3) {
    const r = src[i] as number;
    const g = src[i + 1] as number;
    const b = src[i + 2] as number;
    const grey = (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
    // `| 0` drops the fraction, the clamped store does the rest.
    data[i] = Math.fround(grey + (table[r - grey + 255] as number)) | 0;
    data[i + 1] = Math.fround(grey + (table[g - grey + 255] as number)) | 0;
    data[i + 2] = Math.fround(grey + (table[b - grey + 255] as number)) | 0;
  }
  return new Uint8Array(data.buffer);
}

/** n / 13 rounded, for sums of 13 bytes: halves do not occur. Made once. */
let thirteenths: Uint8Array | undefined;

/**
 * Towards blurred (0), the picture itself (1), sharper: torchvision's `adjust_sharpness`. Blurred is Pillow's `SMOOTH`, a 3 x 3
 * filter that leaves the outermost pixels as they are.
 */
export function adjustSharpness(image: Image, factor: number): Image {
  assertImage(image);
  assertFactor("adjustSharpness", factor);
  const { width, height, data: src } = image;
  if (width < 3 || height < 3) return { width, height, data: src.slice() };
  const data = runKernels(src, 0, (k, from, to) => {
    k.sharpen(from, to, width, height, factor);
    return to;
  });
  return { width, height, data: data ?? sharpnessScript(image, factor) };
}

/** The same in JavaScript, of at least 3 x 3 pixels. */
export function sharpnessScript({ width, height, data: src }: Image, factor: number): Uint8Array {
  const data = new Uint8ClampedArray(src);
  const row = width * 3;
  const table = products(factor);
  thirteenths ??= Uint8Array.from({ length: 13 * 255 + 1 }, (_, n) => Math.floor((2 * n + 13) / 26));
  const rounded = thirteenths;
  const columns = new Uint16Array(row); // sums of three rows
  for (let y = 1; y < height - 1; y++) {
    const at = y * row;
    for (let i = 0, p = at; i < row; i++, p++)
      columns[i] = (src[p - row] as number) + (src[p] as number) + (src[p + row] as number);
    for (let i = 3, p = at + 3; i < row - 3; i++, p++) {
      const v = src[p] as number;
      const sum = (columns[i - 3] as number) + (columns[i] as number) + (columns[i + 3] as number) + 4 * v;
      const smooth = rounded[sum] as number;
      data[p] = Math.fround(smooth + (table[v - smooth + 255] as number)) | 0;
    }
  }
  return new Uint8Array(data.buffer);
}
