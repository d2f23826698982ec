import { instantiate } from "../instantiate.ts";
import { AUGMENT_WASM } from "./binary.ts";

/** What wasm/augment.as exports; addresses, numbers, and the six of a matrix. */
export interface Kernels {
  readonly memory: WebAssembly.Memory;
  saturate(src: number, out: number, pixels: number, factor: number): void;
  hue(src: number, out: number, pixels: number, shift: number, tables: number): void;
  sharpen(src: number, out: number, width: number, height: number, factor: number): void;
  transpose(src: number, out: number, width: number, height: number): void;
  box(
    src: number,
    out: number,
    row: number,
    height: number,
    radius: number,
    inner: number,
    outer: number,
    sums: number,
  ): void;
  bilinear(src: number, out: number, width: number, height: number, ...matrix: number[]): void;
  bicubic(src: number, out: number, width: number, height: number, ...matrixAndScratch: number[]): void;
}

/** Above this JavaScript works: WebAssembly's memory never shrinks again. */
const MOST_BYTES = 64 * 2 ** 20;
/** Kernels read and write past the end of a picture by less. */
const ROOM = 64;

// undefined: not tried; null: this engine has no WebAssembly SIMD, or a page's policy forbids compiling.
let kernels: Kernels | null | undefined;

function load(): Kernels | null {
  if (kernels === undefined) kernels = instantiate<Kernels>(AUGMENT_WASM);
  return kernels;
}

/**
 * Runs kernels on a picture's bytes.
 *
 * @param scratch - bytes of memory that they need besides two pictures
 * @param work - from the addresses of the picture, of room for another and of the scratch to the address of the result
 * @returns undefined where JavaScript has to work
 */
export function runKernels(
  src: Uint8Array,
  scratch: number,
  work: (k: Kernels, src: number, other: number, scratch: number) => number,
): Uint8Array | undefined {
  const scratchSize = (scratch + 15) & ~15;
  const size = (src.length + ROOM + 15) & ~15;
  if (scratchSize + 2 * size > MOST_BYTES) return undefined;
  const k = load();
  if (!k) return undefined;
  const missing = scratchSize + 2 * size - k.memory.buffer.byteLength;
  if (missing > 0) k.memory.grow(Math.ceil(missing / 65536));
  const memory = new Uint8Array(k.memory.buffer);
  memory.set(src, scratchSize);
  const at = work(k, scratchSize, scratchSize + size, 0);
  return memory.slice(at, at + src.length);
}
