/** Operations that map each value by itself: Pillow's ImageOps over `Image.point`. One table of 256 bytes, or one a channel. */
import { ImageError } from "../errors.ts";
import { assertImage, type Image } from "../image.ts";

/** A table of 256 bytes from a function of the value; what is below 0 or above 255 is cut there, fractions are dropped. */
export function tableOf(f: (value: number) => number): Uint8Array {
  const table = new Uint8ClampedArray(256);
  for (let v = 0; v < 256; v++) table[v] = Math.trunc(f(v));
  return new Uint8Array(table.buffer);
}

/** `Image.point` with one table for all channels. */
export function applyLut({ width, height, data: src }: Image, table: Uint8Array): Image {
  const data = new Uint8Array(src.length);
  for (let i = 0; i < src.length; i++) data[i] = table[src[i] as number] as number;
  return { width, height, data };
}

/** `Image.point` with a table for each channel. */
function applyLuts({ width, height, data: src }: Image, tables: readonly Uint8Array[]): Image {
  const [r, g, b] = tables as [Uint8Array, Uint8Array, Uint8Array];
  const data = new Uint8Array(src.length);
  for (let i = 0; i < src.length; i += 3) {
    data[i] = r[src[i] as number] as number;
    data[i + 1] = g[src[i + 1] as number] as number;
    data[i + 2] = b[src[i + 2] as number] as number;
  }
  return { width, height, data };
}

/** 256 counts a channel. */
function histograms({ data }: Image): readonly [Uint32Array, Uint32Array, Uint32Array] {
  const r = new Uint32Array(256);
  const g = new Uint32Array(256);
  const b = new Uint32Array(256);
  for (let i = 0; i < data.length; i += 3) {
    const x = data[i] as number;
    const y = data[i + 1] as number;
    const z = data[i + 2] as number;
    r[x] = (r[x] as number) + 1;
    g[y] = (g[y] as number) + 1;
    b[z] = (b[z] as number) + 1;
  }
  return [r, g, b];
}

const same = (): Uint8Array => tableOf((v) => v);

/** Stretches each channel to 0-255: Pillow's `ImageOps.autocontrast` without a cutoff. */
export function autocontrast(image: Image): Image {
  assertImage(image);
  return applyLuts(
    image,
    histograms(image).map((counts) => {
      const low = counts.findIndex((n) => n > 0);
      const high = counts.findLastIndex((n) => n > 0);
      if (high <= low) return same();
      const scale = 255 / (high - low);
      const offset = -low * scale;
      return tableOf((v) => v * scale + offset);
    }),
  );
}

/** Makes each channel's histogram flat: Pillow's `ImageOps.equalize`. */
export function equalize(image: Image): Image {
  assertImage(image);
  return applyLuts(
    image,
    histograms(image).map((counts) => {
      const filled = counts.filter((n) => n > 0);
      const total = image.width * image.height;
      const step = filled.length <= 1 ? 0 : Math.floor((total - (filled.at(-1) as number)) / 255);
      if (step === 0) return same();
      const table = new Uint8Array(256);
      let n = Math.floor(step / 2);
      for (let v = 0; v < 256; v++) {
        table[v] = Math.min(255, Math.floor(n / step));
        n += counts[v] as number;
      }
      return table;
    }),
  );
}

/** 255 - value. */
export function invert(image: Image): Image {
  assertImage(image);
  return applyLut(
    image,
    tableOf((v) => 255 - v),
  );
}

/** Keeps the `bits` highest bits of each value: Pillow's `ImageOps.posterize`; 0 bits is black, 8 the picture itself. */
export function posterize(image: Image, bits: number): Image {
  assertImage(image);
  if (!Number.isInteger(bits) || bits < 0 || bits > 8)
    throw new ImageError("bad-argument", `posterize: expected 0 to 8 bits, found ${bits}`);
  const mask = ~(2 ** (8 - bits) - 1);
  return applyLut(
    image,
    tableOf((v) => v & mask),
  );
}

/** Inverts the values from `threshold` on: Pillow's `ImageOps.solarize`. */
export function solarize(image: Image, threshold: number): Image {
  assertImage(image);
  return applyLut(
    image,
    tableOf((v) => (v < threshold ? v : 255 - v)),
  );
}

/** Adds to the values below 128: timm's `SolarizeAdd`. */
export function solarizeAdd(image: Image, add: number): Image {
  assertImage(image);
  return applyLut(
    image,
    tableOf((v) => (v < 128 ? v + add : v)),
  );
}
