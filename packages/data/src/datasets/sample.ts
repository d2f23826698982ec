import { type FileHandle, open, readFile } from "node:fs/promises";
import { decode } from "../decode.ts";
import type { DecodeOptions } from "../decode-options.ts";
import { ImageError } from "../errors.ts";
import type { Image } from "../image.ts";
import { DatasetError, reasonOf } from "./errors.ts";
import type { SampleSource } from "./types.ts";

/** Reads and decodes samples, keeping the shards that it reads from open. One for each thread. */
export interface SampleReader {
  /** The encoded picture. Pixels have none: they are an error here. */
  bytes(source: SampleSource, name?: string): Promise<Uint8Array>;
  /** The decoded picture. */
  image(source: SampleSource, options?: DecodeOptions): Promise<Image>;
  /** Closes the files. */
  dispose(): Promise<void>;
}

/** Shards that are kept open; the one that was used longest ago is closed for another. */
const OPEN = 32;

interface Shard {
  readonly handle: Promise<FileHandle>;
  /** Reads under way: a handle is closed when the last has ended. */
  users: number;
  doomed: boolean;
}

export function createSampleReader(): SampleReader {
  const shards = new Map<string, Shard>();
  const closing = new Set<Promise<void>>();

  const close = (shard: Shard): void => {
    const closed = shard.handle
      .then((handle) => handle.close())
      .catch(() => {})
      .finally(() => closing.delete(closed));
    closing.add(closed);
  };
  const doom = (path: string, shard: Shard): void => {
    if (shards.get(path) === shard) shards.delete(path);
    if (!shard.doomed && shard.users === 0) close(shard);
    shard.doomed = true;
  };
  const borrow = (path: string): Shard => {
    const shard = shards.get(path) ?? { handle: open(path, "r"), users: 0, doomed: false };
    shard.users++;
    shards.delete(path);
    shards.set(path, shard); // the last is the one used last
    const [oldest] = shards;
    if (shards.size > OPEN && oldest) doom(...oldest);
    return shard;
  };
  const slice = async (path: string, offset: number, length: number): Promise<Uint8Array> => {
    const shard = borrow(path);
    try {
      return await readFully(await shard.handle, offset, length);
    } catch (cause) {
      doom(path, shard); // the next call tries anew
      throw cause;
    } finally {
      shard.users--;
      if (shard.doomed && shard.users === 0) close(shard);
    }
  };

  const bytes = async (source: SampleSource, name?: string): Promise<Uint8Array> => {
    if (source.kind === "bytes") return source.bytes;
    if (source.kind === "pixels")
      throw new DatasetError("bad-argument", `${name ?? "sample"}: these are pixels, expected an encoded picture`);
    const label = name ?? source.path;
    try {
      return source.kind === "file"
        ? await readFile(source.path)
        : await slice(source.path, source.offset, source.length);
    } catch (cause) {
      throw new ImageError("unreadable-file", `${label}: ${reasonOf(cause)}`, { file: label, cause });
    }
  };

  return {
    bytes,
    async image(source, options = {}) {
      if (source.kind === "pixels") return source.image;
      if (source.kind === "file") return decode(source.path, options);
      return decode(await bytes(source, options.name), options);
    },
    async dispose() {
      for (const [path, shard] of shards) doom(path, shard);
      await Promise.all(closing);
    },
  };
}

/** Bytes `offset` to `offset + length` of a file, all of them or an error. */
export async function readFully(handle: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const out = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const { bytesRead } = await handle.read(out, at, length - at, offset + at);
    if (bytesRead === 0) throw new Error(`the file ends at byte ${offset + at}, expected ${offset + length}`);
    at += bytesRead;
  }
  return out;
}
