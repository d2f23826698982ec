import { rmSync } from "node:fs";
import { type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatasetError, reasonOf } from "./errors.ts";
import type { SampleSource } from "./types.ts";

/** Pictures that were unpacked once, put aside so that they can be had in any order. */
export interface Spill {
  /** Takes pictures and says where each is from now on. */
  add(pictures: readonly Uint8Array[]): Promise<SampleSource[]>;
  dispose(): Promise<void>;
}

/** Keeps pictures in memory. */
export function memorySpill(): Spill {
  return {
    // copies: a view would keep, and send to each thread, the whole page that it was unpacked from
    add: async (pictures) => pictures.map((bytes) => ({ kind: "bytes", bytes: Uint8Array.from(bytes) })),
    dispose: async () => {},
  };
}

/** Keeps pictures in one file of the system's folder for such, as the Python package datasets does in its cache; removed in the end. */
export function fileSpill(): Spill {
  let made: Promise<{ readonly folder: string; readonly path: string; readonly handle: FileHandle }> | undefined;
  let size = 0;
  let remove = (): void => {};
  const make = async () => {
    const folder = await mkdtemp(join(tmpdir(), "vitrail-data-"));
    remove = () => rmSync(folder, { recursive: true, force: true });
    process.once("exit", remove); // of a program that ends without disposing
    const path = join(folder, "pictures");
    return { folder, path, handle: await open(path, "wx", 0o600) };
  };
  return {
    async add(pictures) {
      try {
        made ??= make();
        const { path, handle } = await made;
        const begin = size;
        const total = pictures.reduce((sum, { length }) => sum + length, 0);
        size += total;
        const all = new Uint8Array(total);
        let at = 0;
        const sources = pictures.map((bytes): SampleSource => {
          all.set(bytes, at);
          const source = { kind: "slice", path, offset: begin + at, length: bytes.length } as const;
          at += bytes.length;
          return source;
        });
        for (let written = 0; written < total; )
          written += (await handle.write(all, written, total - written, begin + written)).bytesWritten;
        return sources;
      } catch (cause) {
        throw new DatasetError(
          "unreadable",
          `${tmpdir()}: pictures from Parquet can't be put aside there: ${reasonOf(cause)}; set TMPDIR to a folder with room`,
          { file: tmpdir(), cause },
        );
      }
    },
    async dispose() {
      const done = await made?.catch(() => undefined);
      process.removeListener("exit", remove);
      await done?.handle.close();
      if (done) await rm(done.folder, { recursive: true, force: true });
      made = undefined;
    },
  };
}
