import { closeSync, openSync, readdirSync, readSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { HubError } from "./errors.ts";
import { fileError } from "./file-storage.ts";

const OTHER_ENDINGS = /\.(pth|pt|bin|th|ckpt|npz|npy|pth\.tar|h5|msgpack)$/i;
const MAX_SNIFFED = 64;

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

/**
 * The same among names, of a folder or of a repository.
 *
 * @param where what has these files, for the message
 * @param sniff whether a file is a checkpoint by content, where its name says nothing
 */
export function chooseCheckpoint(names: readonly string[], where: string, sniff?: (name: string) => boolean): string {
  for (const first of ["model.safetensors", "model.safetensors.index.json"]) {
    if (names.includes(first)) return first;
  }
  const indices = names.filter((n) => /\.safetensors\.index\.json$/i.test(n));
  if (indices.length === 1) return indices[0] as string;
  const tiers = [
    () => indices,
    () => names.filter((n) => /\.safetensors$/i.test(n)),
    () => names.filter((n) => n === "pytorch_model.bin"),
    () => names.filter((n) => OTHER_ENDINGS.test(n)),
    () => (sniff ? names.slice(0, MAX_SNIFFED).filter(sniff) : []),
  ];
  for (const tier of tiers) {
    const found = tier();
    if (found.length === 1) return found[0] as string;
    if (found.length > 1) {
      const list = found.slice(0, 8).join(", ") + (found.length > 8 ? ", ..." : "");
      throw new HubError(
        "several-checkpoints",
        `${where} has ${found.length} checkpoints (${list}); give the path or address of one, or name it model.safetensors`,
      );
    }
  }
  const seen =
    names.length === 0
      ? "it has no files"
      : `its files: ${names.slice(0, 8).join(", ")}${names.length > 8 ? ", ..." : ""}`;
  throw new HubError("no-checkpoint", `${where} has no checkpoint, expected model.safetensors; ${seen}`);
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
