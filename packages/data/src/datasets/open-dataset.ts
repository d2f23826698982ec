import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { DatasetError, reasonOf } from "./errors.ts";
import { compareNames, SPLIT_ORDER } from "./names.ts";
import type { Opened } from "./reader.ts";
import { surveyFolder } from "./survey.ts";
import { surveyFile } from "./survey-file.ts";
import type { Dataset, OpenDatasetOptions, Skipped } from "./types.ts";

/**
 * Opens pictures with labels, in the form in which they lie on disk:
 *
 * - class folders, in `train`, `val` (`valid`, `validation`) and `test` or right in the root;
 * - CSV, TSV or JSON lines with a column of paths and one of labels;
 * - WebDataset tar shards (`.jpg` beside `.cls` or `.json`);
 * - Parquet with a column of encoded pictures, as on the Hugging Face hub;
 * - MNIST's idx files, CIFAR's binary version, MedMNIST's npz.
 *
 * Nothing is decoded: names, headers and labels are read. The classes are the training split's, for all splits.
 *
 * @param path a folder, or the one file that holds the dataset; also as a `file:` URL
 * @throws DatasetError with a `code`, naming the file
 */
export async function openDataset(path: string | URL, options: OpenDatasetOptions = {}): Promise<Dataset> {
  const given = path instanceof URL || path.startsWith("file:") ? fileURLToPath(path) : path;
  const root = resolve(given);
  const skipped: Skipped[] = [];
  let folder: boolean;
  try {
    folder = (await stat(root)).isDirectory();
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    throw new DatasetError("unreadable", `${given}: ${missing ? "no such file or folder" : reasonOf(cause)}`, {
      file: given,
      cause,
    });
  }
  const found = folder ? await surveyFolder(root, options, skipped) : await surveyFile(root, options);
  const opened = await found.open({ root: found.root, options, skipped });
  if (options.classes === undefined) skipped.push(...emptyClasses(opened));
  return await dataset(folder ? found.root : root, opened, skipped);
}

async function dataset(root: string, opened: Opened, skipped: Skipped[]): Promise<Dataset> {
  const { format, classes } = opened;
  const splits = [...opened.splits].sort((a, b) => SPLIT_ORDER.indexOf(a.name) - SPLIT_ORDER.indexOf(b.name));
  let disposed: Promise<void> | undefined;
  const dispose = (): Promise<void> => {
    disposed ??= opened.dispose?.() ?? Promise.resolve();
    return disposed;
  };
  if (splits.every(({ length }) => length === 0)) {
    await dispose();
    throw new DatasetError("no-images", `${root}: no picture in it (read as ${format}${noteOf(skipped)})`, {
      file: root,
    });
  }
  skipped.sort((a, b) => compareNames(a.name, b.name));
  return { format, root, classes, splits: new Map(splits.map((split) => [split.name, split])), skipped, dispose };
}

function noteOf(skipped: readonly Skipped[]): string {
  const [first] = skipped;
  if (!first) return "";
  return `; passed over: ${skipped.length === 1 ? "" : `${skipped.length}, such as `}${first.name}, ${first.reason}`;
}

/** Classes that a format lists and that have no picture in the training split; in no split where there is none for training. */
function emptyClasses({ classes, splits }: Opened): Skipped[] {
  const train = splits.find(({ name }) => name === "train");
  const seen = new Set<number>();
  for (const split of train ? [train] : splits) for (let i = 0; i < split.length; i++) seen.add(split.label(i));
  return classes
    .filter((_, label) => !seen.has(label))
    .map((name) => ({ name, reason: `a class without a picture${train ? " in train" : ""}` }));
}
