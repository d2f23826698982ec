import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { root } from "./process.mjs";

// Inside node_modules: who deletes that folder deletes what was remembered about it.
const folder = join(root, "node_modules", ".vitrail");

/** What the last finished run of a set-up step saw, or undefined. */
export function readStamp(name) {
  try {
    return readFileSync(join(folder, name), "utf8");
  } catch {
    return undefined;
  }
}

export function writeStamp(name, text) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), text);
}

/** The workspace's members below the named folders. */
export function workspaceFolders(...groups) {
  return groups.flatMap((group) =>
    readdirSync(join(root, group), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && existsSync(join(root, group, entry.name, "package.json")))
      .map((entry) => join(root, group, entry.name)),
  );
}

/** One digest over the names and contents of files. */
export function digest(files, ...more) {
  const hash = createHash("sha256");
  for (const file of files)
    hash
      .update(`${relative(root, file)}\0`)
      .update(readFileSync(file))
      .update("\0");
  for (const text of more) hash.update(`${text}\0`);
  return hash.digest("hex");
}

/** Every file below a folder, in name order, less those that `skip` names. */
export function filesBelow(path, skip) {
  return readdirSync(path, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const child = join(path, entry.name);
      if (skip(entry.name)) return [];
      return entry.isDirectory() ? filesBelow(child, skip) : entry.isFile() ? [child] : [];
    });
}
