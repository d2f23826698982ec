import type { Dirent, Stats } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { DatasetError, reasonOf } from "./errors.ts";
import { compareNames, systemFile } from "./names.ts";
import type { Skipped } from "./types.ts";

/** A folder's entries; links count as what they lead to. Names in torchvision's order. */
export interface Listing {
  readonly files: readonly string[];
  readonly folders: readonly string[];
}

/**
 * What is directly in a folder, without hidden and system files, which are listed in `skipped` under `below`.
 *
 * @param below the folder's path below the dataset's root, with slashes; "" for the root
 */
export async function list(folder: string, below: string, skipped: Skipped[]): Promise<Listing> {
  let entries: Dirent[];
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch (cause) {
    throw new DatasetError("unreadable", `${folder}: ${reasonOf(cause)}`, { file: folder, cause });
  }
  const files: string[] = [];
  const folders: string[] = [];
  for (const entry of entries) {
    const name = entry.name;
    const path = below === "" ? name : `${below}/${name}`;
    const system = systemFile(name);
    if (system) {
      skipped.push({ name: path, reason: system });
      continue;
    }
    let kind: Dirent | Stats = entry;
    if (entry.isSymbolicLink()) {
      try {
        kind = await stat(join(folder, name));
      } catch (cause) {
        const { code } = cause as NodeJS.ErrnoException;
        const reason =
          code === "ELOOP" ? "a link in a circle" : code === "ENOENT" ? "a link to nothing" : reasonOf(cause);
        skipped.push({ name: path, reason });
        continue;
      }
    }
    if (kind.isDirectory()) folders.push(name);
    else if (kind.isFile()) files.push(name);
    else skipped.push({ name: path, reason: "neither a file nor a folder" });
  }
  return { files: files.sort(compareNames), folders: folders.sort(compareNames) };
}

/**
 * All files below a folder at any depth, folder by folder as `sorted(os.walk(folder, followlinks=True))` goes, which is the order of
 * torchvision's samples. A link to a folder that it lies in is passed over.
 */
export async function walk(folder: string, below: string, skipped: Skipped[]): Promise<string[]> {
  const found: { readonly folder: string; readonly files: readonly string[] }[] = [];
  const visit = async (path: string, inside: string, above: readonly string[]): Promise<void> => {
    const real = await realpath(path);
    const name = inside === "" ? below : `${below}/${inside}`;
    if (above.includes(real)) {
      skipped.push({ name, reason: "a link to a folder that it lies in" });
      return;
    }
    const { files, folders } = await list(path, name, skipped);
    found.push({ folder: inside, files });
    for (const sub of folders) await visit(join(path, sub), inside === "" ? sub : `${inside}/${sub}`, [...above, real]);
  };
  await visit(folder, "", []);
  found.sort((a, b) => compareNames(a.folder, b.folder));
  return found.flatMap(({ folder: inside, files }) =>
    files.map((file) => (inside === "" ? file : `${inside}/${file}`)),
  );
}

/** Runs `work` on every item, so many at a time; the first error is the error of all. */
export async function eachOf<T>(
  items: readonly T[],
  lanes: number,
  work: (item: T, i: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let i = next++; i < items.length; i = next++) await work(items[i] as T, i);
  };
  await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane));
}
