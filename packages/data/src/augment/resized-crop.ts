import type { Rng } from "@vitrail/random";
import { crop, roundHalfEven } from "../crop.ts";
import { ImageError } from "../errors.ts";
import { assertFilter, type Filter } from "../filters.ts";
import { assertSize, type Image, type Region } from "../image.ts";
import { resize } from "../resize.ts";
import { Draws } from "./draws.ts";

/** A filter, or timm's `"random"`: bilinear or bicubic, drawn for each picture. */
export type Interpolation = Filter | "random";

export interface ResizedCropOptions {
  /** Range of the crop's area, as a part of the picture's. Default [0.08, 1]. */
  readonly scale?: readonly [number, number] | undefined;
  /** Range of the crop's width / height, drawn uniformly in its logarithm. Default [3/4, 4/3]. */
  readonly ratio?: readonly [number, number] | undefined;
  /** Default `"random"`, as in timm. */
  readonly interpolation?: Interpolation | undefined;
}

const SCALE = [0.08, 1] as const;
const RATIO = [3 / 4, 4 / 3] as const;

/** Where {@link randomResizedCrop} cuts a picture of `width` x `height`: torchvision's and timm's `get_params`. */
export function resizedCropRegion(
  width: number,
  height: number,
  rng: Rng,
  { scale = SCALE, ratio = RATIO }: ResizedCropOptions = {},
): Region {
  return drawRegion(width, height, new Draws(rng), scale, ratio);
}

export function drawRegion(
  width: number,
  height: number,
  draws: Draws,
  scale: readonly [number, number],
  ratio: readonly [number, number],
): Region {
  const area = width * height;
  for (let attempt = 0; attempt < 10; attempt++) {
    const target = draws.uniform(...scale) * area;
    const aspect = Math.exp(draws.uniform(Math.log(ratio[0]), Math.log(ratio[1])));
    const w = roundHalfEven(Math.sqrt(target * aspect));
    const h = roundHalfEven(Math.sqrt(target / aspect));
    if (w > 0 && w <= width && h > 0 && h <= height)
      return { top: draws.integer(height - h + 1), left: draws.integer(width - w + 1), width: w, height: h };
  }
  // No luck in ten draws: the largest centred crop whose ratio is allowed.
  const found = width / height;
  let w = width;
  let h = height;
  if (found < ratio[0]) h = Math.min(height, Math.max(1, roundHalfEven(w / ratio[0])));
  else if (found > ratio[1]) w = Math.min(width, Math.max(1, roundHalfEven(h * ratio[1])));
  return { left: (width - w) >> 1, top: (height - h) >> 1, width: w, height: h };
}

export function drawFilter(interpolation: Interpolation, draws: Draws): Filter {
  if (interpolation !== "random") return interpolation;
  return draws.integer(2) === 0 ? "bilinear" : "bicubic";
}

export function assertRange(name: string, range: readonly [number, number], least: number): void {
  if (!(range[0] > least && range[0] <= range[1] && Number.isFinite(range[1])))
    throw new ImageError("bad-argument", `${name}: expected [low, high] above ${least}, found [${range.join(", ")}]`);
}

/** Throws unless it is a filter or `"random"`. */
export function assertInterpolation(interpolation: string): asserts interpolation is Interpolation {
  if (interpolation !== "random") assertFilter(interpolation);
}

/** A {@link randomResizedCrop} in two steps: where it cuts, then what it makes of that part. */
export interface ResizedCrop {
  /** Draws where a picture of `width` x `height` is cut, and the filter. */
  draw(width: number, height: number, rng: Rng): { readonly region: Region; readonly filter: Filter };
  /** Resizes the part. */
  resize(part: Image, filter: Filter): Image;
}

export function resizedCrop(width: number, height: number, options: ResizedCropOptions): ResizedCrop {
  const { scale = SCALE, ratio = RATIO, interpolation = "random" } = options;
  assertSize(width, height);
  assertRange("scale", scale, 0);
  assertRange("ratio", ratio, 0);
  assertInterpolation(interpolation);
  return {
    draw(w, h, rng) {
      const draws = new Draws(rng);
      const region = drawRegion(w, h, draws, scale, ratio);
      return { region, filter: drawFilter(interpolation, draws) };
    },
    resize: (part, filter) => resize(part, width, height, { filter }),
  };
}

/**
 * A crop of random area and aspect ratio, resized to `width` x `height`: torchvision's `RandomResizedCrop` and timm's
 * `RandomResizedCropAndInterpolation` ("Going deeper with convolutions", https://arxiv.org/abs/1409.4842). Pixels
 * outside of the crop have no part in the result.
 */
export function randomResizedCrop(
  width: number,
  height: number,
  options: ResizedCropOptions = {},
): (image: Image, rng: Rng) => Image {
  const steps = resizedCrop(width, height, options);
  return (image, rng) => {
    const { region, filter } = steps.draw(image.width, image.height, rng);
    return steps.resize(crop(image, region), filter);
  };
}
