import type { Rgb } from "./crop.ts";
import type { Image, Region } from "./image.ts";
import { le16 } from "./probe-bytes.ts";

/** A GIF's first frame as its blocks describe it. */
interface FirstFrame {
  /** The file without the frame's transparent colour; the same array where there is none. */
  readonly bytes: Uint8Array;
  /** The part of the canvas that the frame covers. */
  readonly region: Region;
  /** What Pillow puts around it: the transparent colour if there is one, else the first of the palette. */
  readonly outside: Rgb;
}

/**
 * Prepares a GIF for a decoder. Decoders turn the transparent colour into black of alpha 0, and what the palette says is
 * lost; with the flag cleared they answer what is stored, which is what Pillow's RGB holds. The bytes are copied only
 * where there is such a flag.
 */
export function firstFrame(bytes: Uint8Array): FirstFrame {
  const flags = bytes[10] ?? 0;
  let palette = flags & 0x80 ? 13 : undefined;
  let at = 13 + (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0); // behind the header and the global palette
  let out = bytes;
  let index = 0;
  while (bytes[at] === 0x21) {
    const packed = at + 3;
    if (out === bytes && bytes[at + 1] === 0xf9 && (bytes[packed] ?? 0) & 1) {
      out = Uint8Array.from(bytes);
      out[packed] = (out[packed] as number) & 0xfe;
      index = bytes[packed + 3] ?? 0;
    }
    at += 2;
    while (at < bytes.length && bytes[at] !== 0) at += 1 + (bytes[at] as number); // the extension's blocks
    at++;
  }
  if ((bytes[at + 9] ?? 0) & 0x80) palette = at + 10;
  const colour = (palette ?? bytes.length) + index * 3;
  return {
    bytes: out,
    region: {
      left: le16(bytes, at + 1),
      top: le16(bytes, at + 3),
      width: le16(bytes, at + 5),
      height: le16(bytes, at + 7),
    },
    outside: [bytes[colour] ?? 0, bytes[colour + 1] ?? 0, bytes[colour + 2] ?? 0],
  };
}

/** Fills the canvas around the first frame, in place: decoders leave it black or take the background colour. */
export function fillOutside(image: Image, { region, outside }: FirstFrame): Image {
  const { left, top, width, height } = region;
  if (left === 0 && top === 0 && width >= image.width && height >= image.height) return image;
  for (let y = 0; y < image.height; y++)
    for (let x = 0; x < image.width; x++)
      if (x < left || y < top || x >= left + width || y >= top + height)
        image.data.set(outside, (y * image.width + x) * 3);
  return image;
}
