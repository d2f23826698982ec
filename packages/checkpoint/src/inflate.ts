import { Inflate } from "fflate";
import { CheckpointError, quote } from "./errors.ts";
import { readBytes, type Storage } from "./storage.ts";

/** Deflate can't do better: 258 bytes for two bits. */
const MOST_RATIO = 1032;
/** Packed bytes that are given to the inflater at once: with the ratio, what it can make at most before it is stopped. */
const PIECE = 64 * 1024;
/** A header is read from the first bytes alone. */
const HEAD = 64 * 1024;

/**
 * Deflated bytes as a storage of what they unpack to. Nothing is unpacked before it is asked for; what is asked for again
 * while it is still in memory is not unpacked again. Never more than `size` bytes are made: a zip bomb ends in an error.
 */
export function inflateStorage(
  packed: Storage,
  size: number,
  crc: number,
  entry: string,
  file: string | undefined,
): Storage {
  if (size > packed.byteLength * MOST_RATIO) {
    throw new CheckpointError(
      "bad-archive",
      `the archive's entry ${quote(entry)} claims ${size} bytes from ${packed.byteLength}, more than deflate can give`,
      file,
    );
  }
  let whole: WeakRef<Uint8Array> | undefined;
  return {
    byteLength: size,
    bytes(begin, end) {
      if (!(Number.isSafeInteger(begin) && Number.isSafeInteger(end) && 0 <= begin && begin <= end && end <= size)) {
        throw new CheckpointError("read-failed", `the bytes ${begin} to ${end} are outside a storage of ${size} bytes`);
      }
      let all = whole?.deref();
      if (all === undefined) {
        if (end <= HEAD && end < size) return inflate(packed, end, false, undefined, entry, file).subarray(begin, end);
        all = inflate(packed, size, true, crc, entry, file);
        whole = new WeakRef(all);
      }
      return all.subarray(begin, end);
    },
  };
}

/** The first `size` bytes; with `whole` there must be no more, and they must have the sum that the archive states. */
function inflate(
  packed: Storage,
  size: number,
  whole: boolean,
  crc: number | undefined,
  entry: string,
  file: string | undefined,
): Uint8Array {
  const fail = (why: string): never => {
    throw new CheckpointError("bad-archive", `the archive's entry ${quote(entry)} ${why}`, file);
  };
  const out = new Uint8Array(size);
  let at = 0;
  let over = false;
  let ended = false;
  const inflater = new Inflate((piece, final) => {
    over ||= at + piece.byteLength > size;
    out.set(at + piece.byteLength > size ? piece.subarray(0, size - at) : piece, at);
    at = Math.min(size, at + piece.byteLength);
    ended ||= final;
  });
  for (let from = 0; from < packed.byteLength && !over && !(at === size && !whole); from += PIECE) {
    const to = Math.min(packed.byteLength, from + PIECE);
    try {
      inflater.push(readBytes(packed, from, to, file), to === packed.byteLength);
    } catch (error) {
      if ((error as Error).name === "CheckpointError") throw error;
      fail(`is no sound deflate stream (${(error as Error).message}): the file is damaged, get it again`);
    }
  }
  if (!whole) return at === size ? out : fail(`ends after ${at} bytes: the file is damaged, get it again`);
  if (over) fail(`unpacks to more than the ${size} bytes that it claims: it is damaged, or made to fill the memory`);
  if (at !== size || (!ended && size > 0))
    fail(`unpacks to ${at} bytes, it claims ${size}: the file is damaged, get it again`);
  if (crc32(out) !== crc) fail("does not have the checksum that the archive states: the file is damaged, get it again");
  return out;
}

let crcTable: Uint32Array | undefined; // 1 KB, built at the first use

/** The CRC-32 of zip (polynomial 0xEDB88320). */
export function crc32(bytes: Uint8Array): number {
  if (crcTable === undefined) {
    crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
      let c = n;
      for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
      return c;
    });
  }
  const table = crcTable;
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = (table[(crc ^ (bytes[i] as number)) & 255] as number) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
