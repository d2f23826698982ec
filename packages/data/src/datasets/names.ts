import { DatasetError, quote } from "./errors.ts";

/**
 * Python's order of strings, by code point, which is that of torchvision's classes and files: "1", "10", "2"; capitals before small
 * letters. JavaScript's own order differs from it where one name has a letter beyond U+FFFF.
 */
export function compareNames(a: string, b: string): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // A surrogate is half of a letter beyond all others.
    const high = (c: number): boolean => c >= 0xd800 && c <= 0xdfff;
    return high(x) === high(y) ? x - y : high(x) ? 1 : -1;
  }
  return a.length - b.length;
}

/** A list of classes that labels point into. */
export interface ClassList {
  readonly names: readonly string[];
  /** The index of a class, however its accents are encoded; undefined for one that is not there. */
  indexOf(name: string): number | undefined;
}

/**
 * Classes in the order given. Two that differ only in how Unicode composes their letters (`é` as one character or as two) are an
 * error: they look the same, come from systems that name files differently, and training would tell them apart.
 */
export function classList(names: readonly string[]): ClassList {
  const index = new Map<string, number>();
  for (const [i, name] of names.entries()) {
    const key = name.normalize("NFC");
    const other = index.get(key);
    if (other !== undefined) {
      const [a, b] = [names[other] as string, name];
      throw new DatasetError(
        "ambiguous-class",
        a === b
          ? `the class ${quote(a)} is listed twice`
          : `two classes are both written ${quote(a)}, once with ${points(a, b)} and once with ${points(b, a)}: give them one name`,
      );
    }
    index.set(key, i);
  }
  return { names, indexOf: (name) => index.get(name.normalize("NFC")) };
}

/** The code points of a name from where it begins to differ from another. */
function points(name: string, other: string): string {
  const letters = [...name];
  const others = [...other];
  const from = letters.findIndex((letter, i) => letter !== others[i]);
  return letters
    .slice(Math.max(0, from), from + 3)
    .map((letter) => `U+${(letter.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, "0")}`)
    .join(" ");
}

/** The purpose that a file's or folder's name states; undefined where it states none. */
export function splitOf(name: string): "train" | "val" | "test" | undefined {
  return SPLITS[name.toLowerCase()];
}

/** The purpose among the words of a name: `cifar10-train-000000.tar`, `train-00000-of-00002.parquet`. */
export function splitInName(name: string): "train" | "val" | "test" | undefined {
  const found = new Set(
    name
      .split(/[^\p{L}]+/u)
      .map(splitOf)
      .filter((split) => split !== undefined),
  );
  return found.size === 1 ? [...found][0] : undefined;
}

const SPLITS: Readonly<Record<string, "train" | "val" | "test">> = {
  __proto__: null as never,
  train: "train",
  training: "train",
  val: "val",
  valid: "val",
  validation: "val",
  dev: "val",
  test: "test",
  testing: "test",
};

/** The order in which splits are listed. */
export const SPLIT_ORDER: readonly string[] = ["train", "val", "test", "all"];

/** What systems and tools leave behind; never a class, a picture or a shard. Undefined for anything else. */
export function systemFile(name: string): string | undefined {
  if (name.startsWith(".")) return "a hidden file";
  const lower = name.toLowerCase();
  if (["thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"].includes(lower)) return "a system's file";
  if (["__macosx", "$recycle.bin", "system volume information", "lost+found", "@eadir", "__pycache__"].includes(lower))
    return "a system's folder";
  return undefined;
}
