import { readFileSync } from "node:fs";

/** JPEGs of a WebDataset shard, in its order: a tar of `NNNNNN.jpg` and `NNNNNN.cls`. */
export function cifar10(shard: string, count: number): Uint8Array[] {
  const tar = readFileSync(shard);
  const text = (from: number, length: number) => tar.toString("latin1", from, from + length).replace(/\0.*$/s, "");
  const photos: Uint8Array[] = [];
  // ustar: blocks of 512 bytes, a header with the name at 0 and the size in octal at 124, then the content
  for (let at = 0; at + 512 <= tar.length && photos.length < count; ) {
    const size = Number.parseInt(text(at + 124, 12), 8) || 0;
    if (text(at, 100).endsWith(".jpg")) photos.push(new Uint8Array(tar.subarray(at + 512, at + 512 + size)));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return photos;
}
