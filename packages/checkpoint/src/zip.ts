/**
 * The part of zip that torch and numpy write: entries stored or deflated, ZIP64. Read from the central directory, as
 * numpy's local headers say 0xFFFFFFFF for every size. APPNOTE.TXT 6.3.10, https://pkware.com/appnote
 */
import { CheckpointError, quote } from "./errors.ts";
import { inflateStorage } from "./inflate.ts";
import { readBytes, type Storage, sliceStorage } from "./storage.ts";

/** One file of an archive. */
export interface ZipEntry {
  readonly name: string;
  /** Bytes once unpacked, as the directory claims. */
  readonly size: number;
  /** The bytes, unpacked where they are deflated; nothing is read before they are asked for. */
  open(): Storage;
}

/** Bytes of a directory that are read at most: a million entries of torch take less. */
const MAX_DIRECTORY = 256 * 2 ** 20;
/** What the deflated entries of an archive may unpack to: so many bytes, or so many times the archive. Weights hardly shrink. */
const MAX_INFLATED = 256 * 2 ** 20;
const MAX_RATIO = 100;
const END = 22; // of the end record without its comment
const U16 = 0xffff;
const U32 = 0xffffffff;

/**
 * Reads the directory of an archive.
 *
 * @throws CheckpointError ("truncated", "bad-archive") for a cut or damaged one; ("unsupported-format") for encryption, a
 * compression other than deflate, and archives in several parts
 */
export function readZip(file: Storage, name?: string): Map<string, ZipEntry> {
  const end = findEnd(file, name);
  const bytes = readBytes(file, end.begin, end.begin + end.size, name);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries = new Map<string, ZipEntry>();
  const spans: { name: string; begin: number; end: number }[] = [];
  let at = 0;
  let inflated = 0;
  for (let i = 0; i < end.count; i++) {
    if (at + 46 > bytes.byteLength || view.getUint32(at, true) !== 0x02014b50) {
      bad(name, `its directory promises ${end.count} entries and breaks off after ${i}`);
    }
    const entry = readEntry(view, bytes, at, name);
    at += entry.length;
    if (entry.name.endsWith("/")) continue; // a folder
    // Nothing is unpacked to a disk here, but such a name is no checkpoint's, and somebody may make a path of it.
    if (/^[/\\]|^[a-z]:|(^|[/\\])\.\.([/\\]|$)|\0/i.test(entry.name)) {
      bad(name, `its entry ${quote(entry.name)} leads out of the archive`);
    }
    if (entry.method !== 0) inflated += entry.size;
    if (entries.has(entry.name)) {
      throw new CheckpointError("duplicate-name", `the archive has two files named ${quote(entry.name)}`, name);
    }
    // Before the directory, with room for a local header at least: what is in it is checked when the entry is opened.
    if (!(entry.header + 30 + entry.packed <= end.begin)) {
      bad(
        name,
        `its directory places ${quote(entry.name)} (${entry.packed} bytes) outside the ${end.begin} bytes of data`,
      );
    }
    spans.push({ name: entry.name, begin: entry.header, end: entry.header + 30 + entry.packed });
    entries.set(entry.name, {
      name: entry.name,
      size: entry.size,
      open: () => openEntry(file, entry, end.begin, name),
    });
  }
  if (inflated > Math.max(MAX_INFLATED, MAX_RATIO * file.byteLength)) {
    throw new CheckpointError(
      "bad-archive",
      `the zip archive of ${file.byteLength} bytes claims to unpack to ${inflated}: it is made to fill the memory, or holds little but zeros; save it without compression`,
      name,
    );
  }
  spans.sort((a, b) => a.begin - b.begin);
  for (let i = 1; i < spans.length; i++) {
    const [a, b] = [spans[i - 1], spans[i]] as [(typeof spans)[0], (typeof spans)[0]];
    if (b.begin < a.end) bad(name, `its entries ${quote(a.name)} and ${quote(b.name)} overlap`);
  }
  return entries;
}

interface Raw {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  readonly header: number;
  /** Of the directory's record. */
  readonly length: number;
}

function readEntry(view: DataView, bytes: Uint8Array, at: number, file: string | undefined): Raw {
  const flags = view.getUint16(at + 8, true);
  const method = view.getUint16(at + 10, true);
  const nameLength = view.getUint16(at + 28, true);
  const extraLength = view.getUint16(at + 30, true);
  const length = 46 + nameLength + extraLength + view.getUint16(at + 32, true);
  if (at + length > bytes.byteLength) bad(file, "a record of its directory is cut");
  const name = decodeName(bytes.subarray(at + 46, at + 46 + nameLength));
  if (flags & 1) {
    throw new CheckpointError(
      "unsupported-format",
      `the archive's entry ${quote(name)} is encrypted; unpack it first`,
      file,
    );
  }
  if (method !== 0 && method !== 8) {
    throw new CheckpointError(
      "unsupported-format",
      `the archive's entry ${quote(name)} is packed by method ${method}, expected stored or deflate; pack it anew`,
      file,
    );
  }
  let size = view.getUint32(at + 24, true);
  let packed = view.getUint32(at + 20, true);
  let header = view.getUint32(at + 42, true);
  if (size === U32 || packed === U32 || header === U32) {
    const wide = zip64Fields(view, at + 46 + nameLength, extraLength);
    const take = (): number => wide.shift() ?? bad(file, `the ZIP64 record of ${quote(name)} is missing or cut`);
    if (size === U32) size = take();
    if (packed === U32) packed = take();
    if (header === U32) header = take();
  }
  if (method === 0 && size !== packed) bad(file, `the stored entry ${quote(name)} claims ${size} bytes in ${packed}`);
  return { name, method, crc: view.getUint32(at + 16, true), packed, size, header, length };
}

/** The 64-bit numbers of the extra field 1; those that are in use come in a fixed order. */
function zip64Fields(view: DataView, begin: number, length: number): number[] {
  for (let at = begin; at + 4 <= begin + length; ) {
    const size = view.getUint16(at + 2, true);
    if (view.getUint16(at, true) === 1 && at + 4 + size <= begin + length) {
      return Array.from({ length: size >> 3 }, (_, i) => uint64(view, at + 4 + 8 * i));
    }
    at += 4 + size;
  }
  return [];
}

function openEntry(file: Storage, entry: Raw, limit: number, name: string | undefined): Storage {
  const local = readBytes(file, entry.header, entry.header + 30, name);
  const view = new DataView(local.buffer, local.byteOffset, 30);
  if (view.getUint32(0, true) !== 0x04034b50)
    bad(name, `there is no entry ${quote(entry.name)} where its directory says`);
  const begin = entry.header + 30 + view.getUint16(26, true) + view.getUint16(28, true);
  if (begin + entry.packed > limit) bad(name, `its entry ${quote(entry.name)} reaches into the directory`);
  const stored = sliceStorage(file, begin, begin + entry.packed);
  return entry.method === 0 ? stored : inflateStorage(stored, entry.size, entry.crc, entry.name, name);
}

function findEnd(file: Storage, name: string | undefined): { begin: number; size: number; count: number } {
  const tailBegin = Math.max(0, file.byteLength - END - U16);
  const tail = readBytes(file, tailBegin, file.byteLength, name);
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  let at = tail.byteLength - END;
  while (
    at >= 0 &&
    !(view.getUint32(at, true) === 0x06054b50 && at + END + view.getUint16(at + 20, true) === tail.byteLength)
  ) {
    at--;
  }
  if (at < 0) {
    throw new CheckpointError("truncated", "the archive has no end record: it is cut, get it again", name);
  }
  const record = tailBegin + at;
  let count = view.getUint16(at + 10, true);
  let size = view.getUint32(at + 12, true);
  let begin = view.getUint32(at + 16, true);
  let limit = record;
  if (view.getUint16(at + 4, true) !== view.getUint16(at + 6, true)) severalParts(name);
  // torch writes the ZIP64 records always, numpy where a number does not fit.
  if (record >= 20) {
    const locator = readBytes(file, record - 20, record, name);
    const l = new DataView(locator.buffer, locator.byteOffset, 20);
    if (l.getUint32(0, true) === 0x07064b50) {
      const place = uint64(l, 8);
      if (!(place + 56 <= record - 20)) bad(name, `its ZIP64 record lies at ${place}, outside the file`);
      const bytes = readBytes(file, place, place + 56, name);
      const wide = new DataView(bytes.buffer, bytes.byteOffset, 56);
      if (wide.getUint32(0, true) !== 0x06064b50) bad(name, "its ZIP64 record is not where its locator says");
      if (wide.getUint32(16, true) !== wide.getUint32(20, true)) severalParts(name);
      count = uint64(wide, 32);
      size = uint64(wide, 40);
      begin = uint64(wide, 48);
      limit = place;
    } else if (count === U16 || size === U32 || begin === U32) bad(name, "its ZIP64 record is missing");
  }
  if (!(begin + size <= limit)) bad(name, `its directory (${size} bytes at ${begin}) lies outside the file`);
  if (size > MAX_DIRECTORY) bad(name, `its directory would have ${size} bytes, the limit is ${MAX_DIRECTORY}`);
  if (!(count * 46 <= size)) bad(name, `its directory of ${size} bytes can't hold ${count} entries`);
  return { begin, size, count };
}

function uint64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}

function decodeName(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

function severalParts(name: string | undefined): never {
  throw new CheckpointError("unsupported-format", "the archive comes in several parts; put them together first", name);
}

function bad(file: string | undefined, why: string): never {
  throw new CheckpointError("bad-archive", `the zip archive is damaged: ${why}; get it again`, file);
}
