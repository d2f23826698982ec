/** Tells by names how a dataset lies in a folder. */
import { dirname, join } from "node:path";
import { cifarFiles, openCifar } from "./cifar.ts";
import { DatasetError, some } from "./errors.ts";
import { openFolders } from "./folder.ts";
import { idxPairs, idxPart, openIdx } from "./idx.ts";
import { openManifests } from "./manifest.ts";
import { compareNames, splitInName, splitOf } from "./names.ts";
import { namedAsPicture } from "./pictures.ts";
import type { Opened, Opening } from "./reader.ts";
import { isTable, type Row, readTable } from "./table.ts";
import type { DatasetFormat, OpenDatasetOptions, Skipped } from "./types.ts";
import { type Listing, list } from "./walk.ts";
import { isShard, openShards } from "./webdataset.ts";

/** What was recognised: the folder that names are below, and how it is opened. */
export interface Survey {
  readonly root: string;
  open(opening: Opening): Promise<Opened>;
}

interface Candidate {
  readonly format: DatasetFormat;
  /** What tells it, for messages. */
  readonly evidence: string;
  open(opening: Opening): Promise<Opened>;
}

/** How deep shards, Parquet files and the first picture are looked for: `data/train-….parquet`, `default/train/0000.parquet`. */
const DEEP = 3;
/** Folders side by side that are looked into for them; a dataset of more has classes there. */
const MOST_FOLDERS = 64;

/** Recognises a folder. */
export async function surveyFolder(root: string, options: OpenDatasetOptions, skipped: Skipped[]): Promise<Survey> {
  const notes: Skipped[] = [];
  const listing = await list(root, "", notes);
  const found = await candidates(root, listing, options, notes);
  const wanted = options.format === undefined ? found : found.filter(({ format }) => format === options.format);
  const [first, second] = wanted;
  if (!first) {
    const inner = innerFolder(listing);
    if (inner === undefined) throw nothing(root, listing, options);
    return await surveyFolder(join(root, inner), options, skipped).catch((cause) => {
      throw (cause as DatasetError).code === "not-a-dataset" ? nothing(root, listing, options) : cause;
    });
  }
  // A manifest says which of the pictures beside it are meant; anything else side by side would be a guess.
  if (second && !(first.format === "manifest" && second.format === "folder"))
    throw new DatasetError(
      "mixed-formats",
      `${root}: ${first.format} (${first.evidence}) and ${second.format} (${second.evidence}) side by side: keep one, or say which with format`,
      { file: root },
    );
  skipped.push(...notes);
  return { root, open: first.open };
}

async function candidates(
  root: string,
  listing: Listing,
  options: OpenDatasetOptions,
  notes: Skipped[],
): Promise<Candidate[]> {
  const { files } = listing;
  const found: Candidate[] = [];
  const deep = await filesBelow(root, listing);
  const { tables, error } = await usableTables(root, deep, options, notes);
  const [table] = tables;
  if (table) {
    const parts = partsOf(root, tables, notes);
    found.push({
      format: "manifest",
      evidence: table.path,
      open: (opening) => openManifests(opening, parts, files),
    });
  }
  const shards = deep.filter(isShard).map((path) => ({ path }));
  if (shards[0]) {
    const parts = partsOf(root, shards, notes);
    found.push({
      format: "webdataset",
      evidence: shards[0].path,
      open: (opening) => openShards(opening, parts, files),
    });
  }
  const parquet = deep.filter(isParquet).map((path) => ({ path }));
  if (parquet[0]) {
    const parts = partsOf(root, parquet, notes);
    found.push({
      format: "parquet",
      evidence: parquet[0].path,
      open: async (opening) => (await import("./parquet.ts")).openParquet(opening, parts, files),
    });
  }
  const idx = files.find((name) => idxPart(name) !== undefined);
  if (idx !== undefined) {
    const pairs = idxPairs(root, files);
    found.push({ format: "idx", evidence: idx, open: (opening) => openIdx(opening, pairs, files) });
  }
  const cifar = cifarFiles(files);
  if (cifar) {
    const evidence = (cifar.train[0] ?? cifar.test[0]) as string;
    found.push({ format: "cifar", evidence, open: (opening) => openCifar(opening, cifar, files) });
  }
  const archives = files.filter((name) => /\.npz$/i.test(name));
  const [archive] = archives;
  if (archive !== undefined) {
    if (archives.length > 1)
      throw new DatasetError(
        "mixed-formats",
        `${root}: ${archives.length} npz archives (${some(archives)}): open one of them by its path`,
        { file: root },
      );
    found.push({
      format: "npz",
      evidence: archive,
      open: async (opening) => (await import("./npz.ts")).openNpz(opening, archive, files),
    });
  }
  const picture = await firstPicture(root, listing, found.length === 0);
  if (picture !== undefined)
    found.push({ format: "folder", evidence: picture, open: (opening) => openFolders(opening, listing) });
  // A table without the columns may be a note beside class folders. Beside one folder of pictures it was meant as the manifest.
  if (error && (found.length === 0 || (picture !== undefined && listing.folders.length === 1))) throw error;
  return found;
}

/**
 * The first picture below the folders of a root; undefined where there is none. A single folder that holds nothing but folders is no
 * class but a wrapping, see {@link innerFolder}.
 *
 * @param any whether a file without a picture's ending will do: its first bytes are looked at later
 */
async function firstPicture(root: string, { folders }: Listing, any: boolean): Promise<string | undefined> {
  const visit = async (below: string, depth: number): Promise<string | undefined> => {
    const { files, folders: inner } = await list(join(root, below), below, []);
    const name = files.find(namedAsPicture) ?? (any ? files.find((file) => !isKnown(file)) : undefined);
    if (name !== undefined) return `${below}/${name}`;
    if (depth === 1 && folders.length === 1 && splitOf(below) === undefined) return undefined;
    for (const folder of depth < DEEP ? inner.slice(0, MOST_FOLDERS) : []) {
      const found = await visit(`${below}/${folder}`, depth + 1);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  for (const folder of folders) {
    const found = await visit(folder, 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The only folder in a folder without pictures: what an archive unpacks to, torchvision's `MNIST/raw`. */
function innerFolder({ files, folders }: Listing): string | undefined {
  return folders.length === 1 && !files.some(namedAsPicture) ? folders[0] : undefined;
}

/** Files that are something else than a picture by their name. */
function isKnown(name: string): boolean {
  return (
    /\.(tar|tgz|gz|parquet|npz|npy|bin|csv|tsv|jsonl|ndjson|json|txt|md|zip|py|html?|xml|ya?ml)$/i.test(name) ||
    idxPart(name) !== undefined
  );
}

/** Whether a name is a Parquet file's. */
export function isParquet(path: string): boolean {
  return /\.parquet$/i.test(path);
}

/** Shards, Parquet files and manifests below the root, with slashes, in order. */
async function filesBelow(root: string, { files, folders }: Listing): Promise<string[]> {
  const ofInterest = (name: string): boolean => isTable(name) || isShard(name) || isParquet(name);
  const found = files.filter(ofInterest);
  const visit = async (below: string, depth: number): Promise<void> => {
    const inside = await list(join(root, below), below, []);
    for (const name of inside.files) if (ofInterest(name)) found.push(`${below}/${name}`);
    // folders of pictures have no shards below them
    if (depth < DEEP && !inside.files.some(namedAsPicture))
      for (const name of inside.folders.slice(0, MOST_FOLDERS)) await visit(`${below}/${name}`, depth + 1);
  };
  for (const name of folders.slice(0, MOST_FOLDERS)) await visit(name, 1);
  return found.sort(compareNames);
}

interface Table {
  readonly path: string;
  readonly rows: readonly Row[];
}

/** The manifests with the columns that are needed: those in the root, or, where it has none, one in each split's folder. */
async function usableTables(
  root: string,
  deep: readonly string[],
  options: OpenDatasetOptions,
  notes: Skipped[],
): Promise<{ readonly tables: Table[]; readonly error?: DatasetError }> {
  const paths = deep.filter(isTable);
  const inRoot = paths.filter((path) => !path.includes("/"));
  const below = paths.filter((path) => splitOf(dirname(path)) !== undefined);
  const tables: Table[] = [];
  let error: DatasetError | undefined;
  for (const path of inRoot.length > 0 ? inRoot : below) {
    try {
      tables.push({ path, rows: await readTable(join(root, path), options) });
    } catch (cause) {
      if ((cause as DatasetError).code !== "missing-column") throw cause;
      error ??= cause as DatasetError;
      notes.push({ name: path, reason: "no manifest: it lacks a column of pictures or of labels" });
    }
  }
  return { tables, ...(error && tables.length === 0 && { error }) };
}

/** Files with the split that each one's name states; "all" where none states one. */
function partsOf<T extends { readonly path: string }>(
  root: string,
  files: readonly T[],
  notes: Skipped[],
): (T & { readonly split: string })[] {
  const parts = files.map((file) => ({ ...file, split: pathSplit(file.path) }));
  if (parts.every(({ split }) => split === undefined)) {
    if (parts.length > 1 && parts.every(({ path }) => isTable(path)))
      throw new DatasetError(
        "mixed-formats",
        `${root}: ${parts.length} manifests (${some(parts.map(({ path }) => path))}) whose names state no split: open one of them by its path`,
        { file: root },
      );
    return parts.map((part) => ({ ...part, split: "all" }));
  }
  const kept: (T & { readonly split: string })[] = [];
  for (const part of parts) {
    const { path, split } = part;
    if (split === undefined) notes.push({ name: path, reason: "its name states no split, and others' do" });
    else kept.push({ ...part, split });
  }
  return kept;
}

/** By the file's name, or else the nearest folder's. */
function pathSplit(path: string): string | undefined {
  for (const name of path.split("/").reverse()) {
    const split = splitInName(name);
    if (split !== undefined) return split;
  }
  return undefined;
}

function nothing(root: string, { files, folders }: Listing, { format }: OpenDatasetOptions): DatasetError {
  const pickles = files.filter((name) => /^(data_batch_\d|test_batch|train|test|meta|batches\.meta)$/.test(name));
  if (pickles.length > 1)
    return new DatasetError(
      "unsupported",
      `${root}: the Python version of CIFAR, which is a pickle, is not read: get the binary version (cifar-10-binary.tar.gz, cifar-100-binary.tar.gz)`,
      { file: root },
    );
  const pictures = files.filter(namedAsPicture).length;
  const there =
    pictures > 0
      ? `${pictures} ${pictures === 1 ? "picture" : "pictures"} and no folder for each class`
      : files.length + folders.length === 0
        ? "an empty folder"
        : `no picture and none of these in ${some([...folders, ...files])}`;
  const expected =
    format === undefined
      ? "a folder for each class, a CSV, TSV or JSON lines file, tar shards, Parquet, idx, CIFAR's binary files or an npz archive"
      : `the format ${format}`;
  return new DatasetError("not-a-dataset", `${root}: expected ${expected}; found ${there}`, { file: root });
}
