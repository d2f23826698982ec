import type { Image, Region } from "../image.ts";
import { instantiate } from "../instantiate.ts";
import { exifOrientation } from "../orientation.ts";
import { hasJpegEnd, jpegExif } from "../probe-jpeg.ts";
import { JPEG_WASM } from "./binary.ts";
import { type BaselineHeader, type HuffmanTable, readBaseline } from "./header.ts";

/** What wasm/jpeg.as exports; all are addresses and numbers. */
interface Kernels {
  readonly memory: WebAssembly.Memory;
  huffman(counts: number, symbols: number, table: number, isDc: number): number;
  /** 1: done, 0: damaged, -1: ended early. */
  scan(job: number, zigzag: number): number;
  enlarge(
    near: number,
    far: number,
    vertical: number,
    from: number,
    to: number,
    width: number,
    sums: number,
    out: number,
  ): void;
  colour(y: number, cb: number, cr: number, out: number, count: number): void;
}

/** Above this another decoder works: WebAssembly's memory never shrinks again. */
const MOST_BYTES = 64 * 2 ** 20;
/** Kernels read and write past the ends of rows by less. */
const ROOM = 64;
const TABLE_BYTES = 4096 + 144 + 256;

/** Natural position of each zigzag one (ITU T.81, figure 5). */
// biome-ignore format: sixteen a line
const ZIGZAG: readonly number[] = [
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
  12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
  35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
  58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

// undefined: not tried; null: this engine has no WebAssembly SIMD.
let kernels: Kernels | null | undefined;

function load(): Kernels | null {
  if (kernels === undefined) kernels = instantiate<Kernels>(JPEG_WASM);
  return kernels;
}

/** A JPEG that is ready to be decoded, in whole or in part. */
export interface OpenJpeg {
  readonly width: number;
  readonly height: number;
  /**
   * The bytes of libjpeg-turbo's decoder and a crop, on the calling thread. Rows below the region are not decoded, blocks beside it
   * are read but not transformed, and damage beyond it is not noticed. Undefined where the data is damaged, or the picture so large
   * that it would take too much memory: another decoder decides.
   */
  decode(region?: Region): Image | undefined;
  /** Whether a mark or the file's end comes before the last block. */
  endsEarly(): boolean;
}

/**
 * Reads the header of a JPEG. Undefined for all but the plain kinds (see {@link readBaseline}), for one without its end mark, and for
 * one that its EXIF orientation turns.
 *
 * @param orientation - whether the EXIF orientation counts
 */
export function openJpeg(bytes: Uint8Array, orientation: boolean): OpenJpeg | undefined {
  const header = readBaseline(bytes);
  if (!header) return undefined;
  if ((bytes.at(-2) !== 0xff || bytes.at(-1) !== 0xd9) && !hasJpegEnd(bytes)) return undefined;
  if (orientation) {
    const exif = jpegExif(bytes);
    if (exif !== undefined && exifOrientation(bytes.subarray(exif)) > 1) return undefined;
  }
  const k = load();
  if (!k) return undefined;
  const { width, height } = header;
  const whole = { left: 0, top: 0, width, height };
  const decode = (region: Region = whole): Image | "damaged" | "early" => decodeRegion(k, bytes, header, region);
  return {
    width,
    height,
    decode(region) {
      const image = decode(region);
      return typeof image === "string" ? undefined : image;
    },
    // All is decoded for one pixel: rows above the wanted one are read too.
    endsEarly: () => decode({ left: width - 1, top: height - 1, width: 1, height: 1 }) === "early",
  };
}

function decodeRegion(
  k: Kernels,
  bytes: Uint8Array,
  header: BaselineHeader,
  region: Region,
): Image | "damaged" | "early" {
  const { width, height, components, restart, data } = header;
  const grey = components.length === 1;
  // The one component of a grey picture is not interleaved: its blocks are MCUs whatever its factors say.
  const h = grey ? 1 : (components[0]?.h as number);
  const v = grey ? 1 : (components[0]?.v as number);
  const mcusX = Math.ceil(width / (8 * h));
  const right = region.left + region.width;
  const bottom = region.top + region.height;
  // Halved chroma is interpolated from its neighbours.
  const marginX = h === 2 ? 2 : 0;
  const marginY = v === 2 ? 2 : 0;
  const firstColumn = Math.floor(Math.max(0, region.left - marginX) / (8 * h));
  const lastColumn = Math.ceil(Math.min(width, right + marginX) / (8 * h));
  const firstRow = Math.floor(Math.max(0, region.top - marginY) / (8 * v));
  const lastRow = Math.ceil(Math.min(height, bottom + marginY) / (8 * v));
  const strides = components.map((_, c) => (lastColumn - firstColumn) * 8 * (c === 0 ? h : 1) + 16);
  const lines = components.map((_, c) => (lastRow - firstRow) * 8 * (c === 0 ? v : 1));

  let top = 0;
  const reserve = (size: number): number => {
    const at = top;
    top += (size + ROOM + 15) & ~15;
    return at;
  };
  const zigzag = reserve(64);
  const job = reserve(64 + 32 * 3);
  const block = reserve(128);
  const quants = components.map(() => reserve(128));
  const segments = reserve(16 + 256);
  const tables = new Map<HuffmanTable, number>();
  for (const { dc, ac } of components)
    for (const table of [dc, ac]) if (table && !tables.has(table)) tables.set(table, reserve(TABLE_BYTES));
  const source = reserve(bytes.length - data);
  const planes = components.map((_, c) => reserve((strides[c] as number) * (lines[c] as number)));
  const chroma = [reserve(width + 2 * ROOM), reserve(width + 2 * ROOM)] as const;
  const sums = reserve(width + 2 * ROOM);
  const out = reserve(region.width * region.height * 3);
  if (top > MOST_BYTES) return "damaged";
  const missing = top - k.memory.buffer.byteLength;
  if (missing > 0) k.memory.grow(Math.ceil(missing / 65536));
  const memory = new Uint8Array(k.memory.buffer);
  const words = new Int32Array(k.memory.buffer);

  memory.set(ZIGZAG, zigzag);
  memory.fill(0, block, block + 128);
  memory.set(bytes.subarray(data), source);
  const seen = new Set<number>();
  for (const [c, { dc, ac, quant }] of components.entries()) {
    const divisors = new Int16Array(k.memory.buffer, quants[c] as number, 64);
    for (let i = 0; i < 64; i++) divisors[ZIGZAG[i] as number] = quant[i] as number;
    const addresses = [dc, ac].map((table, isAc) => {
      const address = tables.get(table as HuffmanTable) as number;
      if (!seen.has(address)) {
        seen.add(address);
        memory.set((table as HuffmanTable).counts, segments);
        memory.set((table as HuffmanTable).symbols, segments + 16);
        if (!k.huffman(segments, segments + 16, address, isAc === 0 ? 1 : 0)) return -1;
      }
      return address;
    });
    if (addresses.includes(-1)) return "damaged";
    const factors = c === 0 ? [h, v] : [1, 1];
    words.set(
      [...factors, quants[c] as number, ...addresses, planes[c] as number, strides[c] as number],
      (job + 64 + 32 * c) / 4,
    );
  }
  words.set(
    [
      source,
      source + bytes.length - data,
      mcusX,
      lastRow,
      firstRow,
      firstColumn,
      lastColumn,
      restart,
      components.length,
      block,
    ],
    job / 4,
  );
  const result = k.scan(job, zigzag);
  if (result !== 1) return result === 0 ? "damaged" : "early";

  /** The address of column 0 of a row of a plane, though the plane may begin further right. */
  const rowOf = (c: number, y: number): number => {
    const size = c === 0 ? [h, v] : [1, 1];
    const first = firstRow * 8 * (size[1] as number);
    return (planes[c] as number) + (y - first) * (strides[c] as number) - firstColumn * 8 * (size[0] as number);
  };
  if (grey) for (const row of chroma) memory.fill(128, row, row + region.width + ROOM);
  const halfWidth = Math.ceil(width / h);
  const halfHeight = Math.ceil(height / v);
  const from = region.left >> 1;
  const to = (right + 1) >> 1;
  for (let i = 0; i < region.height; i++) {
    const y = region.top + i;
    const sources = [0, 1].map((c) => {
      if (grey) return chroma[c] as number;
      if (h === 1) return rowOf(c + 1, y) + region.left;
      const near = v === 2 ? y >> 1 : y;
      const far = v === 1 ? near : y & 1 ? Math.min(near + 1, halfHeight - 1) : Math.max(near - 1, 0);
      const row = chroma[c] as number;
      k.enlarge(rowOf(c + 1, near), rowOf(c + 1, far), v === 2 ? 1 : 0, from, to, halfWidth, sums, row);
      return row + (region.left & 1);
    });
    const [cb, cr] = sources as [number, number];
    k.colour(rowOf(0, y) + region.left, cb, cr, out + i * region.width * 3, region.width);
  }
  return {
    width: region.width,
    height: region.height,
    data: memory.slice(out, out + region.width * region.height * 3),
  };
}
