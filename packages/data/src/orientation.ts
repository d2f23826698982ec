import type { Image } from "./image.ts";
import { ascii, be16, be32, le16, le32 } from "./probe-bytes.ts";
import { jpegExif } from "./probe-jpeg.ts";

/** Where an EXIF block (laid out as a TIFF, `begin` to the end of `b`) keeps its orientation, and what it says: 1 to 8. */
function find(b: Uint8Array, begin: number): { at: number; little: boolean; value: number } | undefined {
  const little = b[begin] === 0x49;
  const u16 = (i: number): number => (little ? le16(b, i) : be16(b, i));
  const u32 = (i: number): number => (little ? le32(b, i) : be32(b, i));
  if (b.length < begin + 8 || u16(begin + 2) !== 42) return undefined;
  const directory = begin + u32(begin + 4);
  const entries = u16(directory);
  for (let i = 0; i < entries; i++) {
    const at = directory + 2 + i * 12;
    if (at + 12 > b.length) return undefined;
    const value = u16(at + 8);
    if (u16(at) === 0x112) return value >= 1 && value <= 8 ? { at: at + 8, little, value } : undefined;
  }
  return undefined;
}

/** The orientation (1 to 8) in an EXIF block; 1 where there is none. */
export function exifOrientation(block: Uint8Array): number {
  return find(block, 0)?.value ?? 1;
}

/**
 * Takes the orientation out of a JPEG or WebP: browsers differ in whether they apply it and whether they can be told not
 * to. The bytes are copied only where there is one.
 */
export function withoutOrientation(
  kind: "jpeg" | "webp",
  bytes: Uint8Array,
): { bytes: Uint8Array; orientation: number } {
  const begin = kind === "jpeg" ? jpegExif(bytes) : webpExif(bytes);
  const found = begin === undefined ? undefined : find(bytes, begin);
  if (!found || found.value === 1) return { bytes, orientation: 1 };
  const copy = Uint8Array.from(bytes);
  copy.set(found.little ? [1, 0] : [0, 1], found.at);
  return { bytes: copy, orientation: found.value };
}

/** Where the EXIF block of a WebP begins: the chunk's payload, without the marker that some writers put before it. */
function webpExif(b: Uint8Array): number | undefined {
  for (let at = 12; at + 8 <= b.length; ) {
    const length = le32(b, at + 4);
    if (ascii(b, at, 4) === "EXIF") return ascii(b, at + 8, 6) === "Exif\0\0" ? at + 14 : at + 8;
    at += 8 + length + (length & 1);
  }
  return undefined;
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
