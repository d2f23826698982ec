/** Decoded samples to RGB bytes. */

/**
 * Drops alpha and repeats grey: `channels` 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha) to RGB.
 * Alpha is dropped, never multiplied in.
 */
export function toRgb(data: Uint8Array, channels: number, pixels: number): Uint8Array {
  if (channels === 3) return data;
  const out = new Uint8Array(pixels * 3);
  const g = channels < 3 ? 0 : 1;
  const b = channels < 3 ? 0 : 2;
  for (let i = 0, p = 0, o = 0; i < pixels; i++, p += channels, o += 3) {
    out[o] = data[p] as number;
    out[o + 1] = data[p + g] as number;
    out[o + 2] = data[p + b] as number;
  }
  return out;
}

/** CMYK (0 = no ink) to RGB as Pillow's Convert.c: (255 - ink) * (255 - black) / 255, rounded by MULDIV255. */
export function cmykToRgb(data: Uint8Array, channels: number, pixels: number): Uint8Array {
  const out = new Uint8Array(pixels * 3);
  for (let i = 0, p = 0, o = 0; i < pixels; i++, p += channels, o += 3) {
    const light = 255 - (data[p + 3] as number);
    for (let c = 0; c < 3; c++) {
      const t = (255 - (data[p + c] as number)) * light + 128;
      out[o + c] = ((t >> 8) + t) >> 8;
    }
  }
  return out;
}
