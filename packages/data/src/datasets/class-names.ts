import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DatasetError, reasonOf } from "./errors.ts";

/** Files that list a class each line, in the order of the labels. */
const LISTS = ["classes.txt", "class_names.txt", "labels.txt", "label_names.txt"];

/** The classes that a text file among `files` lists; undefined where there is none. */
export async function statedClasses(root: string, files: readonly string[]): Promise<readonly string[] | undefined> {
  const name = LISTS.find((list) => files.includes(list));
  return name === undefined ? undefined : readLines(join(root, name));
}

/** The lines of a text file without blanks around them; empty lines at its end do not count. */
export async function readLines(path: string): Promise<string[]> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new DatasetError("unreadable", `${path}: ${reasonOf(cause)}`, { file: path, cause });
  }
  const lines = text
    .replace(/^\uFEFF/, "")
    .trimEnd()
    .split("\n")
    .map((line) => line.trim());
  const empty = lines.indexOf("");
  if (empty >= 0)
    throw new DatasetError("corrupt", `${path}: line ${empty + 1} is empty, expected the name of a class`, {
      file: path,
    });
  return lines;
}
