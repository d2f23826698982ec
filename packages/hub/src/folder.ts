import { closeSync, openSync, readdirSync, readSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { chooseCheckpoint } from "./choose.ts";
import { fileError } from "./file-storage.ts";

/**
 * The checkpoint of a folder: `model.safetensors`, else a sharded one by its index, else the single checkpoint of any
 * name. Hidden files are passed over.
 *
 * @returns the file's path; an index where it ends in `.index.json`
 * @throws HubError ("no-checkpoint", "several-checkpoints")
 */
export function findCheckpoint(folder: string): string {
  const sniff = (name: string) => beginsAsSafetensors(join(folder, name));
  return join(folder, chooseCheckpoint(namesIn(folder), `the folder ${folder}`, sniff));
}

/** The names of a folder's files, hidden ones passed over, in order. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((n) => !n.startsWith(".") && isFile(join(folder, n)))
      .sort();
  } catch (error) {
    throw fileError(error, folder);
  }
}

/** Whether a path leads to a regular file, also by a link, as in the cache of Python's hub client. */
export function isFile(path: string): boolean {
  return statOf(path)?.isFile() ?? false;
}

/** What is at a path; undefined where nothing is, also below a file. */
export function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as { code: string }).code)) return undefined;
    throw fileError(error, path);
  }
}

function beginsAsSafetensors(path: string): boolean {
  const head = new Uint8Array(9);
  try {
    const fd = openSync(path, "r");
    try {
      return readSync(fd, head, 0, 9, 0) === 9 && head.subarray(4, 8).every((b) => b === 0) && head[8] === 0x7b;
    } finally {
      closeSync(fd);
    }
  } catch {
    return false;
  }
}
