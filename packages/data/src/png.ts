/**
 * PNG (https://www.w3.org/TR/png-3/) to RGB for browsers, whose own decoders apply gamma and profiles and, through a
 * canvas, multiply by alpha. Alpha and transparency are dropped, 16-bit samples keep their high byte, checksums of
 * chunks are not looked at; that of the compressed pixels is.
 */
import type { Image } from "./image.ts";
import { exifOrientation, orient } from "./orientation.ts";
import { ascii, be32 } from "./probe-bytes.ts";

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colour: number;
  readonly interlaced: boolean;
}

/** Samples a pixel by colour type: grey, -, RGB, palette, grey + alpha, -, RGB + alpha. */
const SAMPLES: readonly number[] = [1, 0, 3, 1, 2, 0, 4];
/** Adam7: first column, first row, column step, row step. */
const ADAM7: readonly (readonly [number, number, number, number])[] = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
];

/** Decodes a PNG; errors are plain, the caller names the file. The size is checked by the caller beforehand. */
export async function decodePng(bytes: Uint8Array, orientation: boolean): Promise<Image> {
  const header: Header = {
    width: be32(bytes, 16),
    height: be32(bytes, 20),
    depth: bytes[24] ?? 0,
    colour: bytes[25] ?? 0,
    interlaced: bytes[28] === 1,
  };
  const bits = header.depth * (SAMPLES[header.colour] ?? 0);
  const depths = header.colour === 0 ? [1, 2, 4, 8, 16] : header.colour === 3 ? [1, 2, 4, 8] : [8, 16];
  if (bits === 0 || !depths.includes(header.depth))
    throw new Error(`colour type ${header.colour} with ${header.depth} bits`);
  const parts: Uint8Array[] = [];
  let palette: Uint8Array = new Uint8Array(0);
  let turn = 1;
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = be32(bytes, at);
    const type = ascii(bytes, at + 4, 4);
    if (at + 12 + length > bytes.length) throw new Error(`chunk ${type} is cut off`);
    const data = bytes.subarray(at + 8, at + 8 + length);
    if (type === "IDAT") parts.push(data);
    else if (type === "PLTE") palette = data;
    else if (type === "eXIf") turn = exifOrientation(data);
    else if (type === "IEND") break;
    at += 12 + length;
  }
  const passes = header.interlaced ? ADAM7 : [[0, 0, 1, 1] as const];
  const sizes = passes.map(([x, y, dx, dy]) => ({
    width: Math.ceil((header.width - x) / dx),
    height: Math.ceil((header.height - y) / dy),
  }));
  const lineBytes = (width: number): number => Math.ceil((width * bits) / 8);
  const total = sizes.reduce((n, s) => n + (s.width > 0 && s.height > 0 ? s.height * (1 + lineBytes(s.width)) : 0), 0);
  const raw = await inflate(parts, total);
  const out = new Uint8Array(header.width * header.height * 3);
  let from = 0;
  passes.forEach(([x0, y0, dx, dy], i) => {
    const { width, height } = sizes[i] as { width: number; height: number };
    if (width < 1 || height < 1) return;
    const line = lineBytes(width);
    unfilter(raw, from, line, height, Math.max(1, bits >> 3));
    for (let y = 0; y < height; y++) {
      const to = ((y0 + y * dy) * header.width + x0) * 3;
      writeLine(raw, from + y * (line + 1) + 1, width, header, palette, out, to, dx * 3);
    }
    from += height * (line + 1);
  });
  const image = { width: header.width, height: header.height, data: out };
  return orientation ? orient(image, turn) : image;
}

/** Inflates to exactly `total` bytes: a stream that would give more is stopped, one that gives fewer is an error. */
async function inflate(parts: readonly Uint8Array[], total: number): Promise<Uint8Array> {
  const stream = new Blob([...parts] as BlobPart[]).stream().pipeThrough(new DecompressionStream("deflate"));
  const reader = stream.getReader();
  // Grown as the data comes: a header alone does not get memory.
  let out = new Uint8Array(Math.min(total, 2 ** 20));
  let n = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const take = Math.min(value.length, total - n);
    if (n + take > out.length) {
      const larger = new Uint8Array(Math.min(total, Math.max(out.length * 2, n + take)));
      larger.set(out);
      out = larger;
    }
    out.set(value.subarray(0, take), n);
    n += take;
    if (value.length > take) {
      await reader.cancel();
      break;
    }
  }
  if (n < total) throw new Error(`expected ${total} bytes of pixels, found ${n}`);
  return out;
}

/** Undoes the five line filters in place (section 9). */
function unfilter(b: Uint8Array, from: number, line: number, height: number, step: number): void {
  for (let y = 0; y < height; y++) {
    const at = from + y * (line + 1) + 1;
    const up = y === 0 ? -1 : at - line - 1;
    const kind = b[at - 1] as number;
    if (kind > 4) throw new Error(`line filter ${kind}`);
    if (kind === 0) continue;
    for (let i = 0; i < line; i++) {
      const a = i >= step ? (b[at + i - step] as number) : 0;
      const above = up < 0 ? 0 : (b[up + i] as number);
      const corner = up < 0 || i < step ? 0 : (b[up + i - step] as number);
      const guess = kind === 1 ? a : kind === 2 ? above : kind === 3 ? (a + above) >> 1 : paeth(a, above, corner);
      b[at + i] = (b[at + i] as number) + guess;
    }
  }
}

function paeth(a: number, b: number, c: number): number {
  const p = a + b - c;
  const pa = Math.abs(p - a);
  const pb = Math.abs(p - b);
  const pc = Math.abs(p - c);
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

function writeLine(
  b: Uint8Array,
  from: number,
  width: number,
  { depth, colour }: Header,
  palette: Uint8Array,
  out: Uint8Array,
  to: number,
  step: number,
): void {
  const samples = SAMPLES[colour] as number;
  const bytesEach = depth === 16 ? 2 : 1; // of a 16-bit sample the high byte comes first
  const scale = colour === 3 || depth >= 8 ? 1 : 255 / (2 ** depth - 1);
  for (let x = 0, o = to; x < width; x++, o += step) {
    let red: number;
    if (depth >= 8) red = b[from + x * samples * bytesEach] as number;
    else {
      const bit = x * depth;
      red = (((b[from + (bit >> 3)] as number) >> (8 - depth - (bit & 7))) & (2 ** depth - 1)) * scale;
    }
    if (colour === 3) {
      out[o] = palette[red * 3] ?? 0;
      out[o + 1] = palette[red * 3 + 1] ?? 0;
      out[o + 2] = palette[red * 3 + 2] ?? 0;
    } else if (samples < 3) {
      out[o] = red;
      out[o + 1] = red;
      out[o + 2] = red;
    } else {
      const p = from + x * samples * bytesEach;
      out[o] = red;
      out[o + 1] = b[p + bytesEach] as number;
      out[o + 2] = b[p + 2 * bytesEach] as number;
    }
  }
}
