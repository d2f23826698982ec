import { ascii, be16, be32, type Size } from "./probe-bytes.ts";

/** An ISO base media box: its type and where its payload lies. */
interface Box {
  readonly type: string;
  readonly begin: number;
  readonly end: number;
}

/** The boxes between two offsets (ISO/IEC 14496-12, 4.2); stops at the first that does not fit. */
function* boxes(b: Uint8Array, begin: number, end: number): Generator<Box> {
  let at = begin;
  while (at + 8 <= end) {
    const type = ascii(b, at + 4, 4);
    let size = be32(b, at);
    let head = 8;
    if (size === 1) {
      size = be32(b, at + 8) * 2 ** 32 + be32(b, at + 12);
      head = 16;
    } else if (size === 0) size = end - at;
    if (size < head || at + size > end) return;
    yield { type, begin: at + head, end: at + size };
    at += size;
  }
}

function find(b: Uint8Array, box: Box, type: string, skip = 0): Box | undefined {
  for (const child of boxes(b, box.begin + skip, box.end)) if (child.type === type) return child;
  return undefined;
}

/** The primary item's `ispe` (ISO/IEC 23008-12, 6.5.3), found through `pitm` and `ipma`. */
export function probeAvif(b: Uint8Array): Size | undefined {
  const meta = find(b, { type: "", begin: 0, end: b.length }, "meta");
  if (!meta) return undefined;
  const primary = find(b, meta, "pitm", 4);
  const properties = find(b, meta, "iprp", 4);
  if (!primary || !properties) return undefined;
  const container = find(b, properties, "ipco");
  const association = find(b, properties, "ipma");
  if (!container || !association) return undefined;
  const id = b[primary.begin] === 0 ? be16(b, primary.begin + 4) : be32(b, primary.begin + 4);
  const wanted = propertiesOf(b, association, id);
  let index = 0;
  for (const box of boxes(b, container.begin, container.end)) {
    index++;
    if (box.type === "ispe" && wanted.has(index) && box.end - box.begin >= 12)
      return { width: be32(b, box.begin + 4), height: be32(b, box.begin + 8) };
  }
  return undefined;
}

/** The 1-based indices of the properties of one item. */
function propertiesOf(b: Uint8Array, box: Box, id: number): ReadonlySet<number> {
  const wide = ((b[box.begin + 3] ?? 0) & 1) === 1;
  const longId = (b[box.begin] ?? 0) >= 1;
  const count = be32(b, box.begin + 4);
  let at = box.begin + 8;
  const found = new Set<number>();
  for (let i = 0; i < count && at < box.end; i++) {
    const item = longId ? be32(b, at) : be16(b, at);
    at += longId ? 4 : 2;
    const n = b[at++] ?? 0;
    for (let k = 0; k < n && at < box.end; k++, at += wide ? 2 : 1)
      if (item === id) found.add(wide ? be16(b, at) & 0x7fff : (b[at] ?? 0) & 0x7f);
  }
  return found;
}
