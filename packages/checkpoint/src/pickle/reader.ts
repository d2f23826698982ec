import { CheckpointError } from "../errors.ts";
import { readBytes, type Storage } from "../storage.ts";

const WINDOW = 64 * 1024;

/** Reads a storage from its beginning on, through a window: a pickle's length is not known before it has been read. */
export class ByteReader {
  private readonly storage: Storage;
  private readonly file: string | undefined;
  private window: Uint8Array = new Uint8Array(0);
  private view: DataView = new DataView(new ArrayBuffer(0));
  private base = 0; // of the window in the storage
  private at = 0; // in the window

  constructor(storage: Storage, file: string | undefined, begin = 0) {
    this.storage = storage;
    this.file = file;
    this.base = begin;
  }

  /** Where the next byte is read, in the storage. */
  get position(): number {
    return this.base + this.at;
  }

  get left(): number {
    return this.storage.byteLength - this.position;
  }

  /** Moves on to what lies anywhere. */
  skipTo(position: number): void {
    this.base = position;
    this.at = 0;
    this.window = this.window.subarray(0, 0);
  }

  byte(): number {
    this.need(1);
    return this.window[this.at++] as number;
  }

  uint16(): number {
    this.need(2);
    this.at += 2;
    return this.view.getUint16(this.at - 2, true);
  }

  int32(): number {
    this.need(4);
    this.at += 4;
    return this.view.getInt32(this.at - 4, true);
  }

  uint32(): number {
    return this.int32() >>> 0;
  }

  /** Above 2^53 it is not exact, and too much either way. */
  uint64(): number {
    const low = this.uint32();
    return low + this.uint32() * 2 ** 32;
  }

  float64(littleEndian: boolean): number {
    this.need(8);
    this.at += 8;
    return this.view.getFloat64(this.at - 8, littleEndian);
  }

  /** Bytes of their own, or of the storage: never of the window, which would be kept alive by a few of them. */
  bytes(length: number): Uint8Array {
    if (length > this.left) this.short(length);
    if (this.at + length <= this.window.byteLength) {
      this.at += length;
      return this.window.slice(this.at - length, this.at);
    }
    const begin = this.position;
    const bytes = readBytes(this.storage, begin, begin + length, this.file);
    this.skipTo(begin + length);
    return bytes;
  }

  /** Up to the next line feed, which is taken and not returned. At most `limit` bytes. */
  line(limit: number): Uint8Array {
    let length = 0;
    for (;;) {
      if (this.at + length >= this.window.byteLength) {
        if (length >= this.left) this.short(length + 1);
        this.need(Math.min(this.left, length + 1024));
      }
      if (this.window[this.at + length] === 10) break;
      length++;
      if (length > limit) {
        throw new CheckpointError(
          "bad-pickle",
          `a line at byte ${this.position} of the pickle has over ${limit} bytes`,
          this.file,
        );
      }
    }
    this.at += length + 1;
    return this.window.slice(this.at - length - 1, this.at - 1);
  }

  private need(length: number): void {
    if (this.at + length <= this.window.byteLength) return;
    if (length > this.left) this.short(length);
    const begin = this.position;
    const end = Math.min(this.storage.byteLength, begin + Math.max(WINDOW, length));
    const { buffer, byteOffset, byteLength } = readBytes(this.storage, begin, end, this.file);
    this.window = new Uint8Array(buffer, byteOffset, byteLength); // of a Buffer, slice() would be a view
    this.view = new DataView(buffer, byteOffset, byteLength);
    this.base = begin;
    this.at = 0;
  }

  private short(length: number): never {
    throw new CheckpointError(
      "truncated",
      `the pickle asks for ${length} bytes at ${this.position}, ${this.left} are left: the file is cut or damaged, get it again`,
      this.file,
    );
  }
}
