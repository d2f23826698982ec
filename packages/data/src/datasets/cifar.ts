/**
 * The binary version of CIFAR-10 and CIFAR-100: records of one label byte (two in CIFAR-100, coarse and fine) and 32 x 32 pixels, all of
 * red, then green, then blue. https://www.cs.toronto.edu/~kriz/cifar.html
 */
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { readLines } from "./class-names.ts";
import { DatasetError, reasonOf } from "./errors.ts";
import { labelByNumber } from "./labels.ts";
import { compareNames } from "./names.ts";
import { type Layout, rawSplit, type Store } from "./raw.ts";
import type { Opened, Opening } from "./reader.ts";
import { readFully } from "./sample.ts";

const LAYOUT: Layout = { width: 32, height: 32, channels: 3, planar: true };
const PIXELS = 3072; // bytes of a picture
/** Records that are read at once for their labels. */
const RECORDS = 256;

/** The files of the binary version in a folder; undefined where it is not that. */
export interface CifarFiles {
  readonly kind: 10 | 100;
  readonly train: readonly string[];
  readonly test: readonly string[];
}

/** Recognises the files by name. */
export function cifarFiles(files: readonly string[]): CifarFiles | undefined {
  const batches = files.filter((name) => /^data_batch_\d+\.bin$/.test(name)).sort(compareNames);
  if (batches.length > 0 || files.includes("test_batch.bin"))
    return { kind: 10, train: batches, test: files.filter((name) => name === "test_batch.bin") };
  if (files.includes("fine_label_names.txt") && files.some((name) => name === "train.bin" || name === "test.bin"))
    return {
      kind: 100,
      train: files.filter((name) => name === "train.bin"),
      test: files.filter((name) => name === "test.bin"),
    };
  return undefined;
}

/** Opens CIFAR's files; the pixels stay on disk. `files` are those directly in the root. */
export async function openCifar(
  opening: Opening,
  { kind, train, test }: CifarFiles,
  files: readonly string[],
): Promise<Opened> {
  const { root, options } = opening;
  const coarse = options.labelColumn === "coarse";
  if (options.labelColumn !== undefined && !(kind === 100 && ["coarse", "fine"].includes(options.labelColumn)))
    throw new DatasetError(
      "bad-argument",
      kind === 100
        ? `labelColumn: expected "fine" or "coarse" for CIFAR-100, found ${JSON.stringify(options.labelColumn)}`
        : "labelColumn: CIFAR-10 has one label a picture; leave it out",
    );
  const handles: FileHandle[] = [];
  const dispose = async (): Promise<void> => {
    await Promise.all(handles.splice(0).map((handle) => handle.close()));
  };
  try {
    const stores = new Map<string, Batch[]>();
    for (const [split, names] of [
      ["train", train],
      ["test", test],
    ] as const)
      for (const name of names) {
        const batch = await openBatch(join(root, name), name, kind, coarse, handles);
        stores.set(split, [...(stores.get(split) ?? []), batch]);
      }
    const list = kind === 10 ? "batches.meta.txt" : coarse ? "coarse_label_names.txt" : "fine_label_names.txt";
    const own = files.includes(list) ? await readLines(join(root, list)) : undefined;
    const numbers = new Map(
      [...stores].map(([split, batches]) => [split, batches.flatMap(({ labels }) => [...labels])]),
    );
    const names = new Map([...stores].map(([split, batches]) => [split, batches] as const));
    const place = (split: string, i: number): string => `${root}: ${placeOf(names.get(split) as Batch[], i)}`;
    const { classes, labels } = labelByNumber(numbers, own, options.classes, place);
    const splits = [...labels].map(([name, own]) =>
      rawSplit(
        name,
        (stores.get(name) as Batch[]).map(({ store }) => store),
        own,
      ),
    );
    return { format: "cifar", classes, splits, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

interface Batch {
  readonly store: Store;
  readonly labels: Uint8Array;
}

function placeOf(batches: readonly Batch[], index: number): string {
  let at = index;
  for (const { store } of batches) {
    if (at < store.length) return store.nameOf(at);
    at -= store.length;
  }
  return `#${index}`;
}

async function openBatch(
  path: string,
  name: string,
  kind: 10 | 100,
  coarse: boolean,
  handles: FileHandle[],
): Promise<Batch> {
  const before = kind === 10 ? 1 : 2; // label bytes before the pixels
  const record = before + PIXELS;
  try {
    const handle = await open(path, "r");
    handles.push(handle);
    const { size } = await handle.stat();
    if (size === 0 || size % record !== 0)
      throw new DatasetError(
        "truncated",
        `${path}: ${size} bytes, expected a multiple of ${record}, which one picture takes: get it again`,
        { file: path },
      );
    const length = size / record;
    const labels = new Uint8Array(length);
    const place = kind === 100 && !coarse ? 1 : 0;
    for (let from = 0; from < length; from += RECORDS) {
      const count = Math.min(RECORDS, length - from);
      const bytes = await readFully(handle, from * record, count * record);
      for (let i = 0; i < count; i++) labels[from + i] = bytes[i * record + place] as number;
    }
    const store: Store = {
      layout: LAYOUT,
      length,
      nameOf: (index) => `${name}#${index}`,
      async read(index, count) {
        const bytes = await readFully(handle, index * record, count * record);
        if (count === 1) return bytes.subarray(before);
        const pixels = new Uint8Array(count * PIXELS);
        for (let i = 0; i < count; i++) pixels.set(bytes.subarray(i * record + before, (i + 1) * record), i * PIXELS);
        return pixels;
      },
    };
    return { store, labels };
  } catch (cause) {
    if (cause instanceof DatasetError) throw cause;
    throw new DatasetError("unreadable", `${path}: ${reasonOf(cause)}`, { file: path, cause });
  }
}
