import type { Image } from "./image.ts";
import { be16, be32, le16, le32 } from "./probe-bytes.ts";

/** The orientation (1 to 8) in an EXIF block, which is laid out as a TIFF; 1 where there is none. */
export function exifOrientation(b: Uint8Array): number {
  const little = b[0] === 0x49;
  const u16 = (i: number): number => (little ? le16(b, i) : be16(b, i));
  const u32 = (i: number): number => (little ? le32(b, i) : be32(b, i));
  if (b.length < 8 || u16(2) !== 42) return 1;
  const directory = u32(4);
  const entries = u16(directory);
  for (let i = 0; i < entries; i++) {
    const at = directory + 2 + i * 12;
    if (at + 12 > b.length) break;
    if (u16(at) !== 0x112) continue;
    const value = u16(at + 8);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

/** Turns and mirrors a picture so that it stands upright (EXIF 2.32, tag 0x112); values from 5 swap width and height. */
export function orient(image: Image, orientation: number): Image {
  if (orientation < 2 || orientation > 8) return image;
  const { width: w, height: h, data } = image;
  const swap = orientation >= 5;
  const [width, height] = swap ? [h, w] : [w, h];
  const out = new Uint8Array(data.length);
  // Stored row and column of an upright pixel (x, y).
  const flipX = orientation === 2 || orientation === 3 || orientation === 7 || orientation === 8;
  const flipY = orientation === 3 || orientation === 4 || orientation === 6 || orientation === 7;
  let o = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++, o += 3) {
      const u = swap ? y : x;
      const v = swap ? x : y;
      const p = ((flipY ? h - 1 - v : v) * w + (flipX ? w - 1 - u : u)) * 3;
      out[o] = data[p] as number;
      out[o + 1] = data[p + 1] as number;
      out[o + 2] = data[p + 2] as number;
    }
  }
  return { width, height, data: out };
}
