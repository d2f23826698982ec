/** The training crops beside RandomResizedCrop: those that keep most of the picture. */
import type { Rng } from "@vitrail/random";
import { centeredAxis, type Rgb, roundHalfEven } from "../crop.ts";
import { ImageError } from "../errors.ts";
import type { Filter } from "../filters.ts";
import { assertSize, type Image } from "../image.ts";
import { resizeRegion } from "../resize.ts";
import { Draws } from "./draws.ts";
import { assertPadding, gather, type PaddingMode, windowOf } from "./pad.ts";
import { assertInterpolation, assertRange, drawFilter, type Interpolation } from "./resized-crop.ts";

export interface RandomCropOptions {
  /** Pixels added on each side before the crop. Default 4, as for CIFAR. */
  readonly padding?: number | undefined;
  /** Default `"constant"`. */
  readonly paddingMode?: PaddingMode | undefined;
  /** Colour of a constant border. Default black. */
  readonly fill?: Rgb | undefined;
}

/** A crop anywhere in the padded picture, which is not resized: torchvision's `RandomCrop(size, padding)`. */
export function randomCrop(
  width: number,
  height: number,
  { padding = 4, paddingMode = "constant", fill = [0, 0, 0] }: RandomCropOptions = {},
): (image: Image, rng: Rng) => Image {
  assertSize(width, height);
  assertPadding(padding, paddingMode);
  return (image, rng) => {
    const freeX = image.width + 2 * padding - width;
    const freeY = image.height + 2 * padding - height;
    if (freeX < 0 || freeY < 0)
      throw new ImageError(
        "bad-argument",
        `random crop: expected a picture of at least ${width - 2 * padding} x ${height - 2 * padding} for a crop of ${width} x ${height} with padding ${padding}, found ${image.width} x ${image.height}; the crop mode "src" resizes first`,
      );
    const draws = new Draws(rng);
    const top = draws.integer(freeY + 1) - padding;
    const left = draws.integer(freeX + 1) - padding;
    const xs = windowOf(image.width, left, width, paddingMode);
    return gather(image, xs, windowOf(image.height, top, height, paddingMode), fill);
  };
}

/** DeiT III's simple random crop (https://arxiv.org/abs/2204.07118): the short edge resized, then a {@link randomCrop}. */
export function simpleRandomCrop(
  width: number,
  height: number,
  options: RandomCropOptions & { readonly interpolation?: Interpolation | undefined } = {},
): (image: Image, rng: Rng) => Image {
  const { padding = 4, paddingMode = "reflect", fill = [0, 0, 0], interpolation = "bicubic" } = options;
  assertSize(width, height);
  assertPadding(padding, paddingMode);
  assertInterpolation(interpolation);
  return (image, rng) => {
    const draws = new Draws(rng);
    // torchvision's Resize: the short edge is the crop's, the long one truncated; for a crop that is no square, whichever edge fits it.
    const wide = image.width / width >= image.height / height;
    const w = wide ? Math.max(width, Math.trunc((height * image.width) / image.height)) : width;
    const h = wide ? height : Math.max(height, Math.trunc((width * image.height) / image.width));
    const top = draws.integer(h + 2 * padding - height + 1) - padding;
    const left = draws.integer(w + 2 * padding - width + 1) - padding;
    const xs = windowOf(w, left, width, paddingMode);
    return resizedWindow(
      image,
      w,
      h,
      xs,
      windowOf(h, top, height, paddingMode),
      drawFilter(interpolation, draws),
      fill,
    );
  };
}

export interface KeepRatioOptions {
  /** Range of the area that the crop keeps, where it is drawn at all, half of the time. Default [0.8, 1]. */
  readonly scale?: readonly [number, number] | undefined;
  /** Range of the change of the aspect ratio, where it is drawn, half of the time. Default [0.9, 1 / 0.9]. */
  readonly ratio?: readonly [number, number] | undefined;
  readonly interpolation?: Interpolation | undefined;
}

/**
 * The whole picture, slightly zoomed and stretched, then cropped in the middle (`rkrc`) or anywhere (`rkrr`) and mirrored where it is
 * too small: timm's `ResizeKeepRatio` with its crops.
 */
export function keepRatioCrop(
  width: number,
  height: number,
  mode: "rkrc" | "rkrr",
  { scale = [0.8, 1], ratio = [0.9, 1 / 0.9], interpolation = "random" }: KeepRatioOptions = {},
): (image: Image, rng: Rng) => Image {
  assertSize(width, height);
  assertRange("scale", scale, 0);
  assertRange("ratio", ratio, 0);
  assertInterpolation(interpolation);
  return (image, rng) => {
    const draws = new Draws(rng);
    const fit = Math.min(image.height / height, image.width / width);
    const zoom = draws.chance(0.5) ? 1 / Math.sqrt(draws.uniform(...scale)) : 1;
    const aspect = draws.chance(0.5) ? Math.sqrt(Math.exp(draws.uniform(Math.log(ratio[0]), Math.log(ratio[1])))) : 1;
    const w = Math.max(1, roundHalfEven((image.width * zoom * aspect) / fit));
    const h = Math.max(1, roundHalfEven((image.height * zoom) / aspect / fit));
    const filter = drawFilter(interpolation, draws);
    const from = (size: number, crop: number): number => {
      if (mode === "rkrr") return Math.sign(size - crop) * draws.integer(Math.abs(size - crop) + 1);
      const { offset, before } = centeredAxis(size, crop);
      return offset - before;
    };
    const top = from(h, height);
    const xs = windowOf(w, from(w, width), width, "reflect");
    return resizedWindow(image, w, h, xs, windowOf(h, top, height, "reflect"), filter, [0, 0, 0]);
  };
}

/** A window of `resize(image, w, h)`, computing only the pixels that it shows. */
function resizedWindow(
  image: Image,
  w: number,
  h: number,
  xs: Int32Array,
  ys: Int32Array,
  filter: Filter,
  fill: Rgb,
): Image {
  const [left, right] = extent(xs);
  const [top, bottom] = extent(ys);
  const region = { left, top, width: right - left + 1, height: bottom - top + 1 };
  const part = resizeRegion(image, w, h, region, { filter });
  if (part.width === xs.length && part.height === ys.length && xs[0] === left && ys[0] === top) return part;
  const shift = (axis: Int32Array, by: number): Int32Array => axis.map((v) => (v < 0 ? v : v - by));
  return gather(part, shift(xs, left), shift(ys, top), fill);
}

/** First and last pixel that a window shows. */
function extent(axis: Int32Array): [number, number] {
  let least = Number.POSITIVE_INFINITY;
  let most = -1;
  for (const v of axis) {
    if (v < 0) continue;
    if (v < least) least = v;
    if (v > most) most = v;
  }
  return most < 0 ? [0, 0] : [least, most];
}
