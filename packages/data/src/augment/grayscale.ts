import { assertImage, type Image } from "../image.ts";

/** Pillow's conversion to mode L of one pixel: ITU-R 601-2 luma in 16 fractional bits, rounded. */
export function luma(r: number, g: number, b: number): number {
  return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
}

/** Grey in three equal channels: torchvision's `to_grayscale(3)`, Pillow's mode L. */
export function toGrayscale(image: Image): Image {
  assertImage(image);
  const { width, height, data: src } = image;
  const data = new Uint8Array(src.length);
  for (let i = 0; i < src.length; i += 3) {
    const v = luma(src[i] as number, src[i + 1] as number, src[i + 2] as number);
    data[i] = v;
    data[i + 1] = v;
    data[i + 2] = v;
  }
  return { width, height, data };
}
