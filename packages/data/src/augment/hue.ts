/** Pillow's RGB to HSV and back (Convert.c), with all of its roundings, as torchvision turns the hue with it. */
import { ImageError } from "../errors.ts";
import { assertImage, type Image } from "../image.ts";
import { runKernels } from "./kernels.ts";

const round = Math.fround;

/** Sector 0-6 and remainder of each hue byte; saturation bytes as floats. Made once. */
interface Tables {
  readonly sector: Uint8Array;
  readonly rest: Float32Array;
  readonly saturation: Float32Array;
}

let tables: Tables | undefined;

function makeTables(): Tables {
  const sector = Uint8Array.from({ length: 256 }, (_, h) => Math.floor((h * 6) / 255));
  return {
    sector,
    rest: Float32Array.from({ length: 256 }, (_, h) => (h * 6) / 255 - (sector[h] as number)),
    saturation: Float32Array.from({ length: 256 }, (_, s) => s / 255),
  };
}

/** Turns the hue by `factor` of the whole circle, -0.5 to 0.5: torchvision's `adjust_hue` of a Pillow image. */
export function adjustHue(image: Image, factor: number): Image {
  assertImage(image);
  if (!(factor >= -0.5 && factor <= 0.5))
    throw new ImageError("bad-argument", `adjustHue: expected a factor from -0.5 to 0.5, found ${factor}`);
  tables ??= makeTables();
  const { sector, rest, saturation } = tables;
  const shift = Math.trunc(factor * 255);
  const { width, height, data: src } = image;
  const data = runKernels(src, 2048 + 256, (k, from, to, scratch) => {
    const floats = new Float32Array(k.memory.buffer, scratch, 512);
    floats.set(rest);
    floats.set(saturation, 256);
    new Uint8Array(k.memory.buffer, scratch + 2048, 256).set(sector);
    k.hue(from, to, width * height, shift, scratch);
    return to;
  });
  return { width, height, data: data ?? hueScript(image, shift) };
}

/** The same in JavaScript: the shift is in bytes of the hue. */
export function hueScript({ data: src }: Image, shift: number): Uint8Array {
  tables ??= makeTables();
  const { sector, rest, saturation } = tables;
  const data = new Uint8Array(src.length);
  for (let i = 0; i < src.length; i += 3) {
    const r = src[i] as number;
    const g = src[i + 1] as number;
    const b = src[i + 2] as number;
    const v = Math.max(r, g, b);
    const least = Math.min(r, g, b);
    const range = v - least;
    const s = range === 0 ? 0 : (round(range / v) * 255) | 0;
    if (s === 0) {
      data[i] = v;
      data[i + 1] = v;
      data[i + 2] = v;
      continue;
    }
    const rc = round((v - r) / range);
    const gc = round((v - g) / range);
    const bc = round((v - b) / range);
    // The sums with 2.0 and 4.0 are doubles in C, the first is not.
    const turn = r === v ? round(bc - gc) : g === v ? round(2 + rc - bc) : round(4 + gc - rc);
    const h = round((turn / 6 + 1) % 1);
    const hue = (((h * 255) | 0) + shift) & 255;
    const f = rest[hue] as number;
    const fs = saturation[s] as number;
    const p = Math.round(v * (1 - fs));
    const q = Math.round(v * (1 - round(fs * f)));
    const t = Math.round(v * (1 - fs * (1 - f)));
    switch (sector[hue]) {
      case 1:
        data[i] = q;
        data[i + 1] = v;
        data[i + 2] = p;
        break;
      case 2:
        data[i] = p;
        data[i + 1] = v;
        data[i + 2] = t;
        break;
      case 3:
        data[i] = p;
        data[i + 1] = q;
        data[i + 2] = v;
        break;
      case 4:
        data[i] = t;
        data[i + 1] = p;
        data[i + 2] = v;
        break;
      case 5:
        data[i] = v;
        data[i + 1] = p;
        data[i + 2] = q;
        break;
      default: // 0, and 6 of the byte 255
        data[i] = v;
        data[i + 1] = t;
        data[i + 2] = p;
    }
  }
  return data;
}
