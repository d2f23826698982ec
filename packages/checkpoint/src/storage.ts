import { CheckpointError } from "./errors.ts";

/**
 * Bytes that are read when they are asked for: a file, a range of a file, memory.
 * Whoever implements it returns exactly `end - begin` bytes or throws.
 */
export interface Storage {
  /** The length in bytes. */
  readonly byteLength: number;
  /** The bytes `begin` to `end` (exclusive). They may share memory with the storage: treat them as read-only. */
  bytes(begin: number, end: number): Uint8Array;
  /** Frees what the storage holds (a file descriptor), where it holds something. */
  close?(): void;
}

/** Bytes in memory as a {@link Storage}. Nothing is copied. */
export function memoryStorage(data: Uint8Array): Storage {
  return {
    byteLength: data.byteLength,
    bytes(begin: number, end: number): Uint8Array {
      checkRange(begin, end, data.byteLength);
      return data.subarray(begin, end);
    },
  };
}

/** The bytes `begin` to `end` of another storage, as a storage of its own. Nothing is read. */
export function sliceStorage(parent: Storage, begin: number, end: number): Storage {
  checkRange(begin, end, parent.byteLength);
  return new Slice(parent, begin, end - begin);
}

// A class and not a closure: a checkpoint has one of these for each of its tensors.
class Slice implements Storage {
  readonly parent: Storage;
  readonly begin: number;
  readonly byteLength: number;

  constructor(parent: Storage, begin: number, byteLength: number) {
    this.parent = parent;
    this.begin = begin;
    this.byteLength = byteLength;
  }

  bytes(begin: number, end: number): Uint8Array {
    checkRange(begin, end, this.byteLength);
    return this.parent.bytes(this.begin + begin, this.begin + end);
  }
}

/** Numbers of 2, 4 or 8 bytes in the other byte order (0: as they are). Ranges must begin and end between numbers. */
export function swappedStorage(parent: Storage, width: 0 | 2 | 4 | 8): Storage {
  if (width === 0) return parent;
  return {
    byteLength: parent.byteLength,
    bytes(begin, end) {
      checkRange(begin, end, parent.byteLength);
      const bytes = new Uint8Array(parent.bytes(begin, end)); // a copy at the beginning of its own buffer: aligned
      if (width === 2) swap16(new Uint16Array(bytes.buffer, 0, bytes.length >> 1));
      else swap32(new Uint32Array(bytes.buffer, 0, bytes.length >> 2), width === 8);
      return bytes;
    },
  };
}

function swap16(words: Uint16Array): void {
  for (let i = 0; i < words.length; i++) {
    const w = words[i] as number;
    words[i] = (w << 8) | (w >>> 8);
  }
}

/** `pairs`: the two words of each number change places too. */
function swap32(words: Uint32Array, pairs: boolean): void {
  for (let i = 0; i < words.length; i++) {
    const w = words[i] as number;
    words[i] = (w << 24) | ((w & 0xff00) << 8) | ((w >>> 8) & 0xff00) | (w >>> 24);
  }
  for (let i = 0; pairs && i + 1 < words.length; i += 2) {
    const w = words[i] as number;
    words[i] = words[i + 1] as number;
    words[i + 1] = w;
  }
}

/** Reads from any storage, and holds it to its word. */
export function readBytes(storage: Storage, begin: number, end: number, file?: string): Uint8Array {
  const bytes = storage.bytes(begin, end);
  if (bytes.byteLength !== end - begin) {
    throw new CheckpointError(
      "read-failed",
      `asked for the bytes ${begin} to ${end}, got ${bytes.byteLength} of ${end - begin}; did the file change while it was read?`,
      file,
    );
  }
  return bytes;
}

function checkRange(begin: number, end: number, length: number): void {
  if (!(Number.isSafeInteger(begin) && Number.isSafeInteger(end) && 0 <= begin && begin <= end && end <= length)) {
    throw new CheckpointError("read-failed", `the bytes ${begin} to ${end} are outside a storage of ${length} bytes`);
  }
}
