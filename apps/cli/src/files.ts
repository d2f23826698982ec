import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { kindOf } from "@vitrail/data";

/** One thing to answer, in the order of the arguments: a photo, or an argument that leads to none. */
export type Entry =
  | { readonly file: string; readonly path: string; readonly error?: undefined }
  | { readonly file: string; readonly error: string };

/**
 * The photos that the arguments name. A folder stands for the images directly in it, told by their first bytes, in name order;
 * hidden files and subfolders are passed over, other files are counted through `onNote`.
 */
export async function entriesOf(args: readonly string[], onNote: (line: string) => void): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const arg of args) {
    if (arg === "-") {
      entries.push({ file: arg, path: arg });
      continue;
    }
    try {
      const path = arg.startsWith("file:") ? fileURLToPath(arg) : arg;
      const found = await stat(path);
      if (found.isDirectory()) entries.push(...(await imagesIn(path, arg, onNote)));
      else if (found.isFile() || found.isFIFO()) entries.push({ file: arg, path });
      else entries.push({ file: arg, error: "neither a file nor a folder" });
    } catch (error) {
      entries.push({ file: arg, error: reasonOf(error) });
    }
  }
  return entries;
}

async function imagesIn(folder: string, arg: string, onNote: (line: string) => void): Promise<Entry[]> {
  const entries: Entry[] = [];
  let others = 0;
  // by code units, not by the machine's locale: the same order everywhere
  const names = (await readdir(folder)).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  for (const name of names) {
    if (name.startsWith(".")) continue;
    const path = join(folder, name);
    const file = arg.startsWith("file:") ? path : join(arg, name);
    try {
      const found = await stat(path); // a link counts as what it leads to
      if (found.isDirectory()) continue;
      if (found.isFile() && kindOf(await firstBytes(path)) !== undefined) entries.push({ file, path });
      else others++;
    } catch (error) {
      entries.push({ file, error: reasonOf(error) });
    }
  }
  if (others > 0) onNote(`${arg}: ${others} other ${others === 1 ? "file" : "files"} passed over`);
  if (entries.length === 0) entries.push({ file: arg, error: "no images directly in this folder" });
  return entries;
}

async function firstBytes(path: string): Promise<Uint8Array> {
  const file = await open(path, "r");
  try {
    const bytes = new Uint8Array(512);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Why the system refused, in a few words. */
export function reasonOf(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case "ENOENT":
      return "no such file or folder";
    case "EACCES":
    case "EPERM":
      return "not allowed to read it";
    case "ENAMETOOLONG":
      return "the name is too long";
    case "ELOOP":
      return "the links lead in a circle";
    case "ENOTDIR":
      return "no such file or folder";
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
