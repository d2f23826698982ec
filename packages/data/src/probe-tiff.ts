import { be16, be32, le16, le32, type Size } from "./probe-bytes.ts";

/** Image width and length from the first directory of a TIFF or BigTIFF (TIFF 6.0, section 2). */
export function probeTiff(b: Uint8Array): Size | undefined {
  const little = b[0] === 0x49;
  const u16 = (i: number): number => (little ? le16(b, i) : be16(b, i));
  const u32 = (i: number): number => (little ? le32(b, i) : be32(b, i));
  const u64 = (i: number): number =>
    little ? le32(b, i) + le32(b, i + 4) * 2 ** 32 : be32(b, i) * 2 ** 32 + be32(b, i + 4);
  const big = u16(2) === 43;
  if (b.length < (big ? 16 : 8)) return undefined;
  const directory = big ? u64(8) : u32(4);
  const head = big ? 8 : 2;
  const entry = big ? 20 : 12;
  if (directory + head > b.length) return undefined;
  const entries = big ? u64(directory) : u16(directory);
  let width: number | undefined;
  let height: number | undefined;
  for (let i = 0; i < entries; i++) {
    const at = directory + head + i * entry;
    if (at + entry > b.length) break;
    const tag = u16(at);
    if (tag > 257) break; // tags ascend
    const type = u16(at + 2);
    const value = at + (big ? 12 : 8);
    const number = type === 3 ? u16(value) : type === 4 ? u32(value) : type === 16 && big ? u64(value) : undefined;
    if (tag === 256) width = number;
    if (tag === 257) height = number;
  }
  return width === undefined || height === undefined ? undefined : { width, height };
}
