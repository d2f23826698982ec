import { type FileHandle, open } from "node:fs/promises";
import { DatasetError } from "./errors.ts";
import { readFully } from "./sample.ts";

/** Bytes that are read at once while a file is gone through. */
const WINDOW = 256 * 1024;

/** A file that is read from front to back in large pieces; what is passed over is not read. */
export class Window {
  readonly path: string;
  readonly size: number;
  readonly #handle: FileHandle;
  #begin = 0;
  #bytes: Uint8Array = new Uint8Array(0);

  private constructor(path: string, handle: FileHandle, size: number) {
    this.path = path;
    this.#handle = handle;
    this.size = size;
  }

  static async open(path: string): Promise<Window> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(path, "r");
      return new Window(path, handle, (await handle.stat()).size);
    } catch (cause) {
      await handle?.close();
      throw new DatasetError("unreadable", `${path}: ${(cause as Error).message}`, { file: path, cause });
    }
  }

  /** Bytes `offset` to `offset + length`, which must lie inside the file; valid until the next call. */
  async bytes(offset: number, length: number): Promise<Uint8Array> {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.size))
      throw new DatasetError("truncated", `${this.path}: ends at byte ${this.size}, expected ${offset + length}`, {
        file: this.path,
      });
    if (offset < this.#begin || offset + length > this.#begin + this.#bytes.length) {
      this.#bytes = await readFully(this.#handle, offset, Math.min(Math.max(length, WINDOW), this.size - offset));
      this.#begin = offset;
    }
    return this.#bytes.subarray(offset - this.#begin, offset - this.#begin + length);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
