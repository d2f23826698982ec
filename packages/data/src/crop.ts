import { ImageError } from "./errors.ts";
import { assertImage, assertSize, type Image, type Region } from "./image.ts";

/** An RGB colour, 0-255 each. */
export type Rgb = readonly [number, number, number];

/** One axis of a centred crop: where the crop begins in the picture, how much of it is picture, how much padding comes before. */
export interface CenteredAxis {
  readonly offset: number;
  readonly length: number;
  readonly before: number;
}

/** Python's `round`: halves go to the even neighbour. */
export function roundHalfEven(x: number): number {
  const r = Math.round(x);
  return Math.abs(x % 1) === 0.5 && r % 2 !== 0 ? r - 1 : r;
}

/** torchvision's center_crop on one axis: the two are independent of each other. */
export function centeredAxis(size: number, crop: number): CenteredAxis {
  if (crop > size) return { offset: 0, length: size, before: Math.floor((crop - size) / 2) };
  return { offset: roundHalfEven((size - crop) / 2), length: crop, before: 0 };
}

/** Copies a rectangle out of a picture. */
export function crop(image: Image, region: Region): Image {
  assertImage(image);
  assertSize(region.width, region.height);
  const { left, top, width, height } = region;
  if (!(left >= 0 && top >= 0 && left + width <= image.width && top + height <= image.height))
    throw new ImageError(
      "bad-argument",
      `crop: expected a part of ${image.width} x ${image.height}, found ${width} x ${height} at (${left}, ${top})`,
    );
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * image.width + left) * 3;
    data.set(image.data.subarray(from, from + width * 3), y * width * 3);
  }
  return { width, height, data };
}

/** Sets a picture into a larger one of a single colour. */
export function pad(
  image: Image,
  width: number,
  height: number,
  left: number,
  top: number,
  fill: Rgb = [0, 0, 0],
): Image {
  assertImage(image);
  assertSize(width, height);
  if (!(left >= 0 && top >= 0 && left + image.width <= width && top + image.height <= height))
    throw new ImageError(
      "bad-argument",
      `pad: expected ${image.width} x ${image.height} at (${left}, ${top}) to fit into ${width} x ${height}`,
    );
  const data = new Uint8Array(width * height * 3);
  if (fill.some((v) => v !== 0)) for (let i = 0; i < data.length; i += 3) data.set(fill, i);
  for (let y = 0; y < image.height; y++) {
    const row = image.data.subarray(y * image.width * 3, (y + 1) * image.width * 3);
    data.set(row, ((top + y) * width + left) * 3);
  }
  return { width, height, data };
}

/**
 * The middle `width` x `height` of a picture, padded where the picture is smaller: torchvision's `CenterCrop`, its
 * rounding included (half-way offsets go to the even pixel).
 */
export function centerCrop(image: Image, width: number, height: number, { fill }: { fill?: Rgb } = {}): Image {
  assertSize(width, height);
  const x = centeredAxis(image.width, width);
  const y = centeredAxis(image.height, height);
  const part = crop(image, { left: x.offset, top: y.offset, width: x.length, height: y.length });
  if (x.length === width && y.length === height) return part;
  return pad(part, width, height, x.before, y.before, fill);
}
