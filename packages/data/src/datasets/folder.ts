/**
 * A folder for each class, as torchvision's ImageFolder and timm read them: `root/train/cat/x.jpg` with `val`, `valid` or `validation`
 * and `test` beside it, or `root/cat/x.jpg`. Pictures may lie at any depth below their class.
 */
import { join } from "node:path";
import { DatasetError, reasonOf, some } from "./errors.ts";
import { labelByName } from "./labels.ts";
import { compareNames, SPLIT_ORDER, splitOf } from "./names.ts";
import { beginsAsPicture, namedAsPicture } from "./pictures.ts";
import type { Opened, Opening } from "./reader.ts";
import { makeSplit } from "./split.ts";
import type { Skipped } from "./types.ts";
import { eachOf, type Listing, list, walk } from "./walk.ts";

/** Files whose first bytes are looked at side by side, and folders that are listed so. */
const LANES = 16;

/** Opens class folders. `listing` is what is directly in the root. */
export async function openFolders(opening: Opening, listing: Listing): Promise<Opened> {
  const { root, options, skipped } = opening;
  const parts = await splitFolders(root, listing, skipped);
  const names = new Map<string, string[]>();
  const files = new Map<string, string[]>();
  for (const [split, folder] of parts) {
    const base = folder === "" ? root : join(root, folder);
    const { folders, files: loose } = folder === "" ? listing : await list(base, folder, skipped);
    for (const name of loose)
      skipped.push({ name: folder === "" ? name : `${folder}/${name}`, reason: "not in the folder of a class" });
    if (folders.length === 0 && split === "test") {
      skipped.push({ name: folder, reason: "pictures without class folders: there are no labels" });
      continue;
    }
    if (folders.length === 0)
      throw new DatasetError(
        "not-a-dataset",
        `${base}: expected a folder for each class, found ${loose.length === 0 ? "nothing" : `${loose.length} files and no folder`}`,
        { file: base },
      );
    const [splitNames, splitFiles]: [string[], string[]] = [[], []];
    const found = await picturesOf(base, folder, folders, skipped);
    for (const [i, name] of folders.entries()) {
      const paths = found[i] as readonly string[];
      const below = folder === "" ? name : `${folder}/${name}`;
      if (paths.length === 0) skipped.push({ name: below, reason: "a class without a picture" });
      for (const path of paths) {
        splitNames.push(name);
        splitFiles.push(`${below}/${path}`);
      }
    }
    names.set(split, splitNames);
    files.set(split, splitFiles);
  }
  const { classes, labels } = labelByName(names, options.classes, (split, i) => files.get(split)?.[i] as string);
  const splits = [...labels].map(([name, own]) => {
    const paths = files.get(name) as string[];
    return makeSplit({
      name,
      labels: own,
      nameOf: (index) => paths[index] as string,
      source: (index) => ({ kind: "file", path: join(root, paths[index] as string) }),
    });
  });
  return { format: "folder", classes, splits };
}

/**
 * Which folder is which split. Folders are splits where `train` is among them and stands beside another split, or alone and holds
 * folders; else every folder is a class, be one of them called "train" or not.
 */
async function splitFolders(root: string, { folders }: Listing, skipped: Skipped[]): Promise<Map<string, string>> {
  const splits = new Map<string, string>();
  for (const folder of folders) {
    const split = splitOf(folder);
    if (split === undefined) continue;
    const other = splits.get(split);
    if (other !== undefined)
      throw new DatasetError(
        "mixed-formats",
        `${root}: ${some([other, folder])} are both the ${split} split; keep one`,
        {
          file: root,
        },
      );
    splits.set(split, folder);
  }
  const others = folders.filter((folder) => splitOf(folder) === undefined);
  const train = splits.get("train");
  let areSplits = splits.size > 1 || (splits.size === 1 && others.length === 0);
  if (areSplits) {
    // A folder of splits holds class folders. Pictures right in it make it a class: cars, planes and "train".
    const below = await list(join(root, train ?? ([...splits.values()][0] as string)), "", []);
    areSplits = below.folders.length > 0 || !below.files.some(namedAsPicture);
  }
  if (!areSplits) return new Map([["all", ""]]);
  for (const name of others) skipped.push({ name, reason: `not one of the splits ${[...splits.values()].join(", ")}` });
  return new Map([...splits].sort(([a], [b]) => SPLIT_ORDER.indexOf(a) - SPLIT_ORDER.indexOf(b)));
}

/** The pictures of each class folder, below it. Files that are not named as pictures are told by their first bytes. */
async function picturesOf(
  base: string,
  below: string,
  folders: readonly string[],
  skipped: Skipped[],
): Promise<(readonly string[])[]> {
  const out: string[][] = folders.map(() => []);
  const doubtful: { readonly folder: number; readonly path: string }[] = [];
  const notes: Skipped[][] = folders.map(() => []); // in the order of the folders, whichever is listed first
  await eachOf(folders, LANES, async (folder, i) => {
    const name = below === "" ? folder : `${below}/${folder}`;
    try {
      for (const path of await walk(join(base, folder), name, notes[i] as Skipped[]))
        if (namedAsPicture(path)) out[i]?.push(path);
        else doubtful.push({ folder: i, path });
    } catch (cause) {
      if (cause instanceof DatasetError) throw cause;
      throw new DatasetError("unreadable", `${join(base, folder)}: ${reasonOf(cause)}`, { file: folder, cause });
    }
  });
  const touched = new Set<number>();
  await eachOf(doubtful, LANES, async ({ folder, path }) => {
    const name = `${below === "" ? "" : `${below}/`}${folders[folder]}/${path}`;
    let picture = false;
    let reason = "no picture";
    try {
      picture = await beginsAsPicture(join(base, folders[folder] as string, path));
    } catch (cause) {
      reason = reasonOf(cause);
    }
    if (picture) {
      out[folder]?.push(path);
      touched.add(folder);
    } else notes[folder]?.push({ name, reason });
  });
  for (const folder of touched) out[folder]?.sort(byFolderThenName);
  for (const list of notes) skipped.push(...list);
  return out;
}

/** The order of `walk`. */
function byFolderThenName(a: string, b: string): number {
  const [x, y] = [a.lastIndexOf("/"), b.lastIndexOf("/")];
  return (
    compareNames(a.slice(0, Math.max(0, x)), b.slice(0, Math.max(0, y))) || compareNames(a.slice(x + 1), b.slice(y + 1))
  );
}
