// Helpers of the augmentation's tests; not part of the package's build.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Image } from "../image.ts";
import { noise } from "../testing.ts";

/** Reads goldens written by tooling/goldens/augment.py. */
export function goldens<T>(name: string): readonly T[] {
  const url = new URL(`./__goldens__/${name}.json`, import.meta.url);
  return (JSON.parse(readFileSync(url, "utf8")) as { cases: readonly T[] }).cases;
}

/** Slopes, edges and flat patches between 30 and 209; the same as the generator's. */
export function scene(width: number, height: number, seed: number): Image {
  const data = new Uint8Array(width * height * 3);
  let i = 0;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < 3; c++) {
        const flat = ((x >> 2) + (y >> 3) + seed) % 4 === 0;
        data[i++] = 30 + ((flat ? seed * 50 + c * 70 : x * (c + 2) + y * (4 - c) + ((x * y) >> 4)) % 180);
      }
  return { width, height, data };
}

export const pictures = { noise, scene } as const;

/** The first 64 bits of the SHA-256. */
export function short(data: Uint8Array | Float32Array): string {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return createHash("sha256").update(bytes).digest("hex").slice(0, 16);
}
