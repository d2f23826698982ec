/** Tells by its name and first bytes what the one file is that was given. */
import { open } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { cifarFiles, openCifar } from "./cifar.ts";
import { DatasetError, quote, reasonOf } from "./errors.ts";
import { idxPairs, idxPart, openIdx } from "./idx.ts";
import { openManifests } from "./manifest.ts";
import { splitInName } from "./names.ts";
import type { Part } from "./reader.ts";
import { isParquet, type Survey } from "./survey.ts";
import { isTable, readTable } from "./table.ts";
import type { DatasetFormat, OpenDatasetOptions } from "./types.ts";
import { list } from "./walk.ts";
import { isShard, openShards } from "./webdataset.ts";

/** Recognises the one file that was given. */
export async function surveyFile(path: string, options: OpenDatasetOptions): Promise<Survey> {
  const root = dirname(path);
  const name = basename(path);
  const { files } = await list(root, "", []);
  const part: Part = { path: name, split: splitInName(name) ?? "all" };
  switch (options.format ?? (await formatOf(path))) {
    case "manifest": {
      const rows = await readTable(path, options);
      return { root, open: (opening) => openManifests(opening, [{ ...part, rows }], files) };
    }
    case "webdataset":
      return { root, open: (opening) => openShards(opening, [part], files) };
    case "parquet":
      return {
        root,
        open: async (opening) => (await import("./parquet.ts")).openParquet(opening, [part], files),
      };
    case "npz":
      return { root, open: async (opening) => (await import("./npz.ts")).openNpz(opening, name, files) };
    case "idx": {
      const own = idxPart(name);
      const pairs = idxPairs(root, files).filter(({ split }) => split === own?.split);
      return { root, open: (opening) => openIdx(opening, pairs, files) };
    }
    case "cifar": {
      const kind = cifarFiles(files)?.kind ?? 10;
      const [train, test] = name.startsWith("test") ? [[], [name]] : [[name], []];
      return { root, open: (opening) => openCifar(opening, { kind, train, test }, files) };
    }
    default:
      throw new DatasetError(
        "not-a-dataset",
        `${path}: expected a folder, or a file of the kinds .csv, .tsv, .jsonl, .tar, .parquet, .npz, idx or CIFAR's .bin; found ${quote(name)}`,
        { file: path },
      );
  }
}

async function formatOf(path: string): Promise<DatasetFormat | undefined> {
  const name = basename(path);
  const head = await firstBytes(path);
  const text = (from: number, to: number): string => String.fromCharCode(...head.subarray(from, to));
  if (isTable(name)) return "manifest";
  if (isParquet(name) || ["PAR1", "PARE"].includes(text(0, 4))) return "parquet";
  if (/\.npz$/i.test(name)) return "npz";
  if (isShard(name) || text(257, 262) === "ustar") return "webdataset";
  if (idxPart(name) !== undefined) return "idx";
  if (/^(data_batch_\d+|test_batch|train|test)\.bin$/.test(name)) return "cifar";
  return undefined;
}

async function firstBytes(path: string): Promise<Uint8Array> {
  try {
    const handle = await open(path, "r");
    try {
      const bytes = new Uint8Array(512);
      return bytes.subarray(0, (await handle.read(bytes, 0, 512, 0)).bytesRead);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw new DatasetError("unreadable", `${path}: ${reasonOf(cause)}`, { file: path, cause });
  }
}
