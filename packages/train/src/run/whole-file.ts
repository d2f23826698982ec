/** Files that are whole or not there, whatever happens while they are written. */
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { TrainError } from "../fit/errors.ts";

/** Writes a file under `path.next` and to the disk; the file at `path` is not touched. */
export async function writeNext(path: string, bytes: Uint8Array | string): Promise<void> {
  let file: FileHandle | undefined;
  try {
    file = await open(nextOf(path), "w");
    await file.writeFile(bytes);
    await file.sync(); // a rename may otherwise reach the disk before what it names
  } catch (error) {
    await file?.close().catch(() => undefined);
    file = undefined;
    await rm(nextOf(path), { force: true }).catch(() => undefined);
    throw writeFailed(path, error);
  } finally {
    await file?.close();
  }
}

/** Puts what `writeNext` wrote in its place. */
export async function takeNext(path: string): Promise<void> {
  try {
    await rename(nextOf(path), path);
    await syncFolder(dirname(path));
  } catch (error) {
    throw writeFailed(path, error);
  }
}

/** Writes a file, or leaves what was there. */
export async function writeWhole(path: string, bytes: Uint8Array | string): Promise<void> {
  await writeNext(path, bytes);
  await takeNext(path);
}

export const nextOf = (path: string): string => `${path}.next`;

async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return; // has no such thing
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: "no space is left on the disk",
  EDQUOT: "the quota of the disk is used up",
  EFBIG: "the file would be larger than is allowed",
  EROFS: "the disk can only be read",
  EACCES: "it may not be written",
  EPERM: "it may not be written",
};

export function writeFailed(path: string, cause: unknown): TrainError {
  const { code = "", message } = cause as NodeJS.ErrnoException;
  const why = REASONS[code] ?? message;
  return new TrainError("write-failed", `${path}: ${why}; what was saved before is whole`, { cause });
}
