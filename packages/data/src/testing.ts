// Helpers of this package's tests; not part of the package's build.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Image } from "./image.ts";

/** Reads goldens written by tooling/goldens/data.py. */
export function cases<T>(name: string): readonly T[] {
  const url = new URL(`./__goldens__/${name}.json`, import.meta.url);
  return (JSON.parse(readFileSync(url, "utf8")) as { cases: readonly T[] }).cases;
}

/** The same noise as the generator's: a 32-bit linear congruential generator's high bytes, or 0 and 255 alone. */
export function noise(width: number, height: number, seed: number, extreme = false): Image {
  const data = new Uint8Array(width * height * 3);
  let x = seed >>> 0;
  for (let i = 0; i < data.length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    data[i] = extreme ? (x >>> 31 ? 255 : 0) : x >>> 24;
  }
  return { width, height, data };
}

export function sha256(data: Uint8Array | Float32Array): string {
  return createHash("sha256")
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest("hex");
}

export interface DecodeCase {
  readonly name: string;
  readonly mode: string;
  readonly size: readonly [number, number];
  readonly stored: readonly [number, number];
  readonly bytes: string;
  readonly sha256: string;
  /** Absent where Pillow rotates by itself: TIFF. */
  readonly unrotated?: string;
  readonly rgb?: string;
}

/** The bytes of a small file that the generator wrote. */
export function fileNamed(name: string): Buffer {
  const found = cases<DecodeCase>("decode").find((c) => c.name === name);
  if (!found) throw new Error(`no golden file named ${name}`);
  return Buffer.from(found.bytes, "base64");
}
