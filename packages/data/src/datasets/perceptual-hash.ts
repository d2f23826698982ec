/**
 * The perceptual hash of the Python package ImageHash (`phash`): greys of 32 x 32 pixels, their cosine transform, and of its 64 lowest
 * frequencies which lie above the median. Pictures that look alike differ in few bits, whatever their size, kind and quality.
 * https://www.hackerfactor.com/blog/index.php?/archives/432-Looks-Like-It.html
 */
import type { Image } from "../image.ts";
import { resize } from "../resize.ts";

const SIDE = 32;
const LOW = 8;

/** `cos(pi * k * (2n + 1) / 64)`: row k of the cosine transform of 32 values. */
function cosines(): Float64Array {
  const table = new Float64Array(LOW * SIDE);
  for (let k = 0; k < LOW; k++)
    for (let n = 0; n < SIDE; n++) table[k * SIDE + n] = Math.cos((Math.PI * k * (2 * n + 1)) / (2 * SIDE));
  return table;
}
let table: Float64Array | undefined;

/** 64 bits, as two numbers of 32: rows of frequencies from the top, the first bit the highest. */
export function perceptualHash(image: Image): [number, number] {
  table ??= cosines();
  const small = resize(greys(image), SIDE, SIDE, { filter: "lanczos" }).data;
  const half = new Float64Array(LOW * SIDE); // columns transformed
  for (let k = 0; k < LOW; k++)
    for (let y = 0; y < SIDE; y++) {
      const weight = table[k * SIDE + y] as number;
      for (let x = 0; x < SIDE; x++)
        half[k * SIDE + x] = (half[k * SIDE + x] as number) + weight * (small[(y * SIDE + x) * 3] as number);
    }
  const low = new Float64Array(LOW * LOW);
  for (let k = 0; k < LOW; k++)
    for (let l = 0; l < LOW; l++) {
      let sum = 0;
      for (let x = 0; x < SIDE; x++) sum += (table[l * SIDE + x] as number) * (half[k * SIDE + x] as number);
      low[k * LOW + l] = sum;
    }
  const sorted = Float64Array.from(low).sort();
  const median = ((sorted[31] as number) + (sorted[32] as number)) / 2;
  const word = (from: number): number => {
    let bits = 0;
    for (let i = from; i < from + 32; i++) bits = (bits << 1) | ((low[i] as number) > median ? 1 : 0);
    return bits >>> 0;
  };
  return [word(0), word(32)];
}

/** Pillow's "L" in all three channels. */
function greys({ width, height, data }: Image): Image {
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) {
    const [r, g, b] = [data[i] as number, data[i + 1] as number, data[i + 2] as number];
    const grey = (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
    out[i] = grey;
    out[i + 1] = grey;
    out[i + 2] = grey;
  }
  return { width, height, data: out };
}

/** Bits in which two hashes differ. */
export function hammingDistance(a: readonly [number, number], b: readonly [number, number]): number {
  return bitCount(a[0] ^ b[0]) + bitCount(a[1] ^ b[1]);
}

/** Bits that are set in a 32-bit number. */
export function bitCount(word: number): number {
  let v = word - ((word >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
