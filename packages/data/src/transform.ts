import { centeredAxis, type Rgb, roundHalfEven } from "./crop.ts";
import { ImageError } from "./errors.ts";
import { assertFilter, type Filter } from "./filters.ts";
import { assertSize, type Image, type Region } from "./image.ts";
import { resizeWindow, type Window, windowOf } from "./resize.ts";

/** How a checkpoint wants its pictures: the fields of timm's `config.json`. Structurally equal to the type of the model packages. */
export interface Preprocess {
  /** `[3, height, width]` of what the model takes, in pixels. */
  readonly inputSize: readonly [3, number, number];
  /** Filter of the resize. */
  readonly interpolation: Filter;
  /** Part of the resized edge that the crop keeps: 0.9 resizes to floor(224 / 0.9) = 248 for a crop of 224. */
  readonly cropPct: number;
  /** What becomes of the aspect ratio: see {@link evalTransform}. */
  readonly cropMode: "center" | "squash" | "border";
  /** Mean of each channel, on the scale 0-1. */
  readonly mean: readonly [number, number, number];
  /** Standard deviation of each channel, on the scale 0-1. */
  readonly std: readonly [number, number, number];
  /** torchvision's `resize_size`: the shortest edge in pixels, in place of `cropPct`; only with `cropMode` "center". */
  readonly resizeSize?: number;
}

/** Where an evaluation transform takes its pixels from. All in pixels. */
export interface EvalGeometry {
  /** Size of the whole picture after the resize. */
  readonly resized: { readonly width: number; readonly height: number };
  /** The part of the resized picture that the model sees. */
  readonly region: { readonly left: number; readonly top: number; readonly width: number; readonly height: number };
  /** Where that part lies in the model's input; the rest is `fill`. */
  readonly at: { readonly left: number; readonly top: number };
  readonly filter: Filter;
  readonly fill: Rgb;
}

/** Turns a picture into a model's input. Reusable and stateless. */
export interface EvalTransform {
  /** Height and width of the result, in pixels. */
  readonly height: number;
  readonly width: number;
  /**
   * @param image - any size
   * @param out - where to write, for a batch in one array; `height * width * 3` numbers
   * @returns `[height, width, 3]`, normalised
   */
  (image: Image, out?: Float32Array): Float32Array;
  /** The part of a picture of that size that the result depends on: who can decode a part needs no more. */
  window(width: number, height: number): Region;
  /** The same from that part, or more of the picture. */
  ofWindow(window: Window, out?: Float32Array): Float32Array;
}

/** The sizes that {@link evalTransform} uses for a picture of `width` x `height`. */
export function evalGeometry(p: Preprocess, width: number, height: number): EvalGeometry {
  assertSize(width, height);
  assertPreprocess(p);
  const [, cropH, cropW] = p.inputSize;
  const scaleH = Math.floor(cropH / p.cropPct);
  const scaleW = Math.floor(cropW / p.cropPct);
  let filter = p.interpolation;
  let fill: Rgb = [0, 0, 0];
  let resized: { width: number; height: number };
  if (p.cropMode === "squash") {
    resized = { width: scaleW, height: scaleH };
  } else if (p.cropMode === "border") {
    // Python's round of 255 * mean, as timm fills.
    fill = [roundHalfEven(255 * p.mean[0]), roundHalfEven(255 * p.mean[1]), roundHalfEven(255 * p.mean[2])];
    resized = keepRatio(width, height, Math.max(height / scaleH, width / scaleW));
  } else if (p.resizeSize !== undefined || scaleH === scaleW) {
    resized = shortestEdge(width, height, p.resizeSize ?? scaleH);
  } else {
    // timm 1.0.29 passes no interpolation here (transforms_imagenet_eval), so its default counts: bilinear.
    filter = "bilinear";
    resized = keepRatio(width, height, Math.min(height / scaleH, width / scaleW));
  }
  const x = centeredAxis(resized.width, cropW);
  const y = centeredAxis(resized.height, cropH);
  return {
    resized,
    region: { left: x.offset, top: y.offset, width: x.length, height: y.length },
    at: { left: x.before, top: y.before },
    filter,
    fill,
  };
}

/** torchvision's Resize with one number: the short edge becomes `size`, the long edge is truncated, not rounded. */
function shortestEdge(width: number, height: number, size: number): { width: number; height: number } {
  if (width <= height) return { width: size, height: Math.trunc((size * height) / width) };
  return { width: Math.trunc((size * width) / height), height: size };
}

/** timm's ResizeKeepRatio. Where it would round a very thin picture to 0 pixels and fail, one pixel is kept. */
function keepRatio(width: number, height: number, ratio: number): { width: number; height: number } {
  return { width: Math.max(1, roundHalfEven(width / ratio)), height: Math.max(1, roundHalfEven(height / ratio)) };
}

function assertPreprocess(p: Preprocess): void {
  assertSize(p.inputSize[2], p.inputSize[1]);
  assertFilter(p.interpolation);
  if (!(p.cropPct > 0 && Number.isFinite(p.cropPct)))
    throw new ImageError("bad-argument", `cropPct: expected a number above 0, found ${p.cropPct}`);
  if (p.cropMode !== "center" && p.cropMode !== "squash" && p.cropMode !== "border")
    throw new ImageError("bad-argument", `cropMode: expected center, squash or border, found ${p.cropMode}`);
  if (p.resizeSize !== undefined) assertSize(p.resizeSize, p.resizeSize);
}

/** value -> (value / 255 - mean) / std, each step rounded to float32 as torch's ToTensor and Normalize do; 256 entries a channel. */
export function normalizeTable(mean: readonly number[], std: readonly number[]): Float32Array {
  const table = new Float32Array(768);
  for (let c = 0; c < 3; c++)
    for (let v = 0; v < 256; v++)
      table[c * 256 + v] = Math.fround(
        Math.fround(Math.fround(v / 255) - Math.fround(mean[c] as number)) / Math.fround(std[c] as number),
      );
  return table;
}

/**
 * Normalises a picture as torchvision's `ToTensor` and `Normalize` do, to the last bit.
 *
 * @returns `[h, w, 3]`: (value / 255 - mean) / std
 */
export function normalize(
  image: Image,
  { mean, std }: { mean: readonly [number, number, number]; std: readonly [number, number, number] },
): Float32Array {
  const out = new Float32Array(image.data.length);
  applyTable(image.data, normalizeTable(mean, std), out, 0, out.length);
  return out;
}

/** Writes `table[channel][byte]` for `length` samples of `src`, beginning at `from`, to `out`, beginning at `at`. */
export function applyTable(
  src: Uint8Array,
  table: Float32Array,
  out: Float32Array,
  at: number,
  length: number,
  from = 0,
): void {
  for (let i = 0; i < length; i += 3) {
    out[at + i] = table[src[from + i] as number] as number;
    out[at + i + 1] = table[256 + (src[from + i + 1] as number)] as number;
    out[at + i + 2] = table[512 + (src[from + i + 2] as number)] as number;
  }
}

/**
 * The evaluation transform of a checkpoint: resize, crop, normalise. Equal to timm 1.0.29's `create_transform` and,
 * with `resizeSize`, to torchvision's `ImageClassification` preset, byte for byte before the normalisation and bit for
 * bit after it.
 *
 * - `"center"`: the short edge becomes floor(size / cropPct), the middle is kept;
 * - `"squash"`: both edges do, whatever the aspect ratio;
 * - `"border"`: the long edge does, the rest is filled with the mean colour.
 *
 * Only the pixels that the crop keeps are computed.
 */
export function evalTransform(p: Preprocess): EvalTransform {
  assertPreprocess(p);
  const [, height, width] = p.inputSize;
  const table = normalizeTable(p.mean, p.std);
  const size = width * height * 3;
  const ofWindow = (window: Window, out: Float32Array = new Float32Array(size)): Float32Array => {
    if (out.length !== size)
      throw new ImageError(
        "bad-argument",
        `out: expected ${height} x ${width} x 3 = ${size} numbers, found ${out.length}`,
      );
    const { resized, region, at, filter, fill } = evalGeometry(p, window.width, window.height);
    const part = resizeWindow(window, resized.width, resized.height, region, { filter });
    if (part.data.length === size) {
      applyTable(part.data, table, out, 0, size);
      return out;
    }
    const border = fill.map((v, c) => table[c * 256 + v] as number);
    for (let i = 0; i < size; i += 3) out.set(border, i);
    const row = part.width * 3;
    for (let y = 0; y < part.height; y++)
      applyTable(part.data, table, out, ((at.top + y) * width + at.left) * 3, row, y * row);
    return out;
  };
  const transform = (image: Image, out?: Float32Array): Float32Array =>
    ofWindow({ image, left: 0, top: 0, width: image.width, height: image.height }, out);
  const window = (w: number, h: number): Region => {
    const { resized, region, filter } = evalGeometry(p, w, h);
    return windowOf({ width: w, height: h }, resized.width, resized.height, region, filter);
  };
  return Object.assign(transform, { height, width, window, ofWindow });
}
