import { assertImage, type Image } from "../image.ts";

/** Left becomes right: torchvision's `hflip`. */
export function hflip(image: Image): Image {
  assertImage(image);
  const { width, height, data: src } = image;
  const data = new Uint8Array(src.length);
  for (let y = 0, o = 0; y < height; y++) {
    let p = (y + 1) * width * 3 - 3;
    for (let x = 0; x < width; x++, o += 3, p -= 3) {
      data[o] = src[p] as number;
      data[o + 1] = src[p + 1] as number;
      data[o + 2] = src[p + 2] as number;
    }
  }
  return { width, height, data };
}

/** Top becomes bottom: torchvision's `vflip`. */
export function vflip(image: Image): Image {
  assertImage(image);
  const { width, height, data: src } = image;
  const row = width * 3;
  const data = new Uint8Array(src.length);
  for (let y = 0; y < height; y++) data.set(src.subarray(y * row, (y + 1) * row), (height - 1 - y) * row);
  return { width, height, data };
}
