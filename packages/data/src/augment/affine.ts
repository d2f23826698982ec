/** Pillow's `Image.transform(size, AFFINE)` and `Image.rotate` (Geometry.c), bit for bit. */
import type { Rgb } from "../crop.ts";
import { ImageError } from "../errors.ts";
import { assertImage, type Image } from "../image.ts";
import { sampleBicubic, sampleBilinear, sampleNearest } from "./affine-filters.ts";
import { hflip, vflip } from "./flip.ts";
import { runKernels } from "./kernels.ts";

/** What Pillow's geometric transforms sample with. They do not antialias. */
export type Resample = "nearest" | "bilinear" | "bicubic";

/** (a, b, c, d, e, f): the result's pixel (x, y) comes from (a x + b y + c, d x + e y + f), pixel centres at halves. */
export type Matrix = readonly [number, number, number, number, number, number];

export interface AffineOptions {
  /** Default `"nearest"`, as in Pillow and torchvision. */
  readonly resample?: Resample | undefined;
  /** Colour of what lies outside of the picture. Default black. */
  readonly fill?: Rgb | undefined;
}

/** Transforms a picture by the matrix from the result's pixels to the picture's; the size stays. */
export function affine(image: Image, matrix: Matrix, { resample = "nearest", fill }: AffineOptions = {}): Image {
  assertImage(image);
  if (matrix.length !== 6 || !matrix.every(Number.isFinite))
    throw new ImageError("bad-argument", `affine: expected 6 finite numbers, found [${matrix.join(", ")}]`);
  const { width, height, data: src } = image;
  if (resample === "bilinear" || resample === "bicubic") {
    const data = runKernels(src, 128, (k, from, to, scratch) => {
      fillWith(new Uint8Array(k.memory.buffer, to, src.length), fill ?? [0, 0, 0]);
      k[resample](from, to, width, height, ...matrix, scratch);
      return to;
    });
    if (data) return { width, height, data };
  }
  return affineScript(image, matrix, resample, fill);
}

/** The same in JavaScript. */
export function affineScript(
  { width, height, data: src }: Image,
  matrix: Matrix,
  resample: Resample,
  fill: Rgb | undefined,
): Image {
  const data = new Uint8Array(src.length);
  if (fill?.some((v) => v !== 0)) fillWith(data, fill);
  switch (resample) {
    case "nearest":
      sampleNearest(src, data, width, height, matrix);
      break;
    case "bilinear":
      sampleBilinear(src, data, width, height, matrix);
      break;
    case "bicubic":
      sampleBicubic(src, data, width, height, matrix);
      break;
    default:
      throw new ImageError(
        "bad-argument",
        `resample: expected nearest, bilinear or bicubic, found ${JSON.stringify(resample)}`,
      );
  }
  return { width, height, data };
}

function fillWith(data: Uint8Array, fill: Rgb): void {
  for (let c = 0; c < 3; c++) data[c] = fill[c] as number;
  // Doubles what is filled until all is.
  for (let n = 3; n < data.length; n *= 2) data.copyWithin(n, 0, Math.min(n, data.length - n));
}

/** Python's round(x, 15). */
const round15 = (x: number): number => Number(x.toFixed(15));

/** Rotates counter-clockwise about the middle; the size stays. Quarter turns are exact where the size allows. */
export function rotate(image: Image, degrees: number, options: AffineOptions = {}): Image {
  assertImage(image);
  const { width, height } = image;
  const angle = ((degrees % 360) + 360) % 360; // as Python's %: never negative
  if (angle === 0) return { ...image, data: image.data.slice() };
  if (angle === 180) return hflip(vflip(image));
  if ((angle === 90 || angle === 270) && width === height) return quarter(image, angle);
  const radians = -(angle * (Math.PI / 180));
  const cos = round15(Math.cos(radians));
  const sin = round15(Math.sin(radians));
  const back = round15(-Math.sin(radians));
  const x = width / 2;
  const y = height / 2;
  // The middle stays where it is.
  return affine(image, [cos, sin, cos * -x + sin * -y + x, back, cos, back * -x + cos * -y + y], options);
}

function quarter({ width: n, data: src }: Image, angle: 90 | 270): Image {
  const data = new Uint8Array(src.length);
  for (let y = 0, o = 0; y < n; y++)
    for (let x = 0; x < n; x++, o += 3) {
      const p = (angle === 90 ? x * n + (n - 1 - y) : (n - 1 - x) * n + y) * 3;
      data[o] = src[p] as number;
      data[o + 1] = src[p + 1] as number;
      data[o + 2] = src[p + 2] as number;
    }
  return { width: n, height: n, data };
}
