import { ascii, be16 } from "../probe-bytes.ts";

/** A component of the frame, and the tables that it uses. */
export interface Component {
  readonly id: number;
  /** Sampling factors. */
  readonly h: number;
  readonly v: number;
  /** 64 divisors in zigzag order. */
  readonly quant: Uint8Array;
  dc: HuffmanTable | undefined;
  ac: HuffmanTable | undefined;
}

/** A DHT segment's table: 16 counts, then the symbols. */
export interface HuffmanTable {
  readonly counts: Uint8Array;
  readonly symbols: Uint8Array;
}

/** What it takes to decode a baseline JPEG's one scan. */
export interface BaselineHeader {
  readonly width: number;
  readonly height: number;
  readonly components: readonly Component[];
  /** MCUs between restart markers, 0 for none. */
  readonly restart: number;
  /** Where the scan's data begins. */
  readonly data: number;
}

/**
 * Reads the segments before the scan of a JPEG of the most common kind: baseline, 8 bits, Huffman coded, grey or YCbCr with all
 * components in one scan and chroma in full, halved across, or halved both ways. Undefined for every other, and for anything odd.
 */
export function readBaseline(b: Uint8Array): BaselineHeader | undefined {
  const quants = new Map<number, Uint8Array>();
  const tables = new Map<number, HuffmanTable>();
  let frame:
    | { width: number; height: number; parts: { id: number; h: number; v: number; quant: number }[] }
    | undefined;
  let restart = 0;
  let jfif = false;
  let adobe: number | undefined;
  if (b[0] !== 0xff || b[1] !== 0xd8) return undefined;
  for (let at = 2; ; ) {
    if (b[at] !== 0xff) return undefined;
    const marker = b[at + 1];
    if (marker === 0xff) {
      at++;
      continue;
    }
    const length = be16(b, at + 2);
    const begin = at + 4;
    const end = at + 2 + length;
    if (marker === undefined || length < 2 || end > b.length) return undefined;
    if (marker === 0xe0 && ascii(b, begin, 5) === "JFIF\0") jfif = true;
    else if (marker === 0xee && ascii(b, begin, 5) === "Adobe" && length >= 14) adobe = b[begin + 11];
    else if (marker === 0xdb) {
      for (let p = begin; p < end; p += 65) {
        if ((b[p] as number) > 3 || p + 65 > end) return undefined; // 16 bits, or cut
        quants.set(b[p] as number, b.subarray(p + 1, p + 65));
      }
    } else if (marker === 0xc4) {
      for (let p = begin; p < end; ) {
        const counts = b.subarray(p + 1, p + 17);
        const total = counts.reduce((sum, n) => sum + n, 0);
        if (counts.length < 16 || total > 256 || p + 17 + total > end) return undefined;
        tables.set(b[p] as number, { counts, symbols: b.subarray(p + 17, p + 17 + total) });
        p += 17 + total;
      }
    } else if (marker === 0xdd) restart = be16(b, begin);
    else if (marker === 0xc0) {
      if (frame || length < 8 || b[begin] !== 8) return undefined;
      const count = b[begin + 5] as number;
      if (length !== 8 + 3 * count) return undefined;
      const parts = Array.from({ length: count }, (_, c) => {
        const p = begin + 6 + 3 * c;
        const sampling = b[p + 1] as number;
        return { id: b[p] as number, h: sampling >> 4, v: sampling & 15, quant: b[p + 2] as number };
      });
      frame = { height: be16(b, begin + 1), width: be16(b, begin + 3), parts };
    } else if (marker === 0xda) {
      if (!frame) return undefined;
      const components = componentsOf(frame.parts, quants, tables, b, begin, length);
      if (!components || frame.width < 1 || frame.height < 1 || !isPlain(frame.width, components, jfif, adobe))
        return undefined;
      return { width: frame.width, height: frame.height, components, restart, data: end };
    } else if (!isPassedOver(marker)) return undefined;
    at = end;
  }
}

/** APPn and comments. */
function isPassedOver(marker: number): boolean {
  return (marker >= 0xe0 && marker <= 0xef) || marker === 0xfe;
}

function componentsOf(
  parts: readonly { id: number; h: number; v: number; quant: number }[],
  quants: ReadonlyMap<number, Uint8Array>,
  tables: ReadonlyMap<number, HuffmanTable>,
  b: Uint8Array,
  begin: number,
  length: number,
): Component[] | undefined {
  const count = b[begin];
  if (count !== parts.length || length !== 6 + 2 * count) return undefined;
  const components: Component[] = [];
  for (const [c, { id, h, v, quant }] of parts.entries()) {
    const divisors = quants.get(quant);
    const which = b[begin + 2 + 2 * c] as number;
    const dc = tables.get(which >> 4);
    const ac = tables.get(16 + (which & 15));
    if (b[begin + 1 + 2 * c] !== id || !divisors || !dc || !ac) return undefined;
    components.push({ id, h, v, quant: divisors, dc, ac });
  }
  const spectral = begin + 1 + 2 * count;
  return b[spectral] === 0 && b[spectral + 1] === 63 && b[spectral + 2] === 0 ? components : undefined;
}

/** Whether libjpeg would take it for grey or YCbCr, with a sampling that is known here. */
function isPlain(width: number, components: readonly Component[], jfif: boolean, adobe: number | undefined): boolean {
  const [y, cb, cr] = components;
  if (components.length === 1 && y) return y.h >= 1 && y.h <= 4 && y.v >= 1 && y.v <= 4;
  if (components.length !== 3 || !y || !cb || !cr) return false;
  if (cb.h !== 1 || cb.v !== 1 || cr.h !== 1 || cr.v !== 1) return false;
  if (!(y.h === 1 && y.v === 1) && !(y.h === 2 && y.v <= 2 && y.v >= 1)) return false;
  if (y.h === 2 && width < 6) return false; // libjpeg repeats chroma of so few columns
  if (jfif) return true;
  if (adobe !== undefined) return adobe === 1;
  return y.id === 1 && cb.id === 2 && cr.id === 3;
}
