/** CSV, TSV and JSON lines that name a file and its class each line, one for each split or one for all. */
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { statedClasses } from "./class-names.ts";
import { DatasetError, quote, some } from "./errors.ts";
import { labelByName, labelByNumber } from "./labels.ts";
import { SPLIT_ORDER, splitOf } from "./names.ts";
import type { Opened, Opening, Part } from "./reader.ts";
import { makeSplit } from "./split.ts";
import type { Row } from "./table.ts";
import { eachOf } from "./walk.ts";

interface Entry {
  readonly name: string;
  readonly path: string;
  readonly label: string;
  readonly place: string;
}

/** A manifest that was read. */
export interface ManifestPart extends Part {
  readonly rows: readonly Row[];
}

/** Opens manifests. `files` are those directly in the root, among which a list of classes may be. */
export async function openManifests(
  opening: Opening,
  parts: readonly ManifestPart[],
  files: readonly string[],
): Promise<Opened> {
  const { root, options } = opening;
  const splits = new Map<string, Map<string, Entry>>();
  for (const part of parts) {
    const manifest = join(root, part.path);
    for (const row of part.rows) add(opening, splits, part, manifest, row);
  }
  await findFiles(opening, splits);
  const entries = new Map(
    [...splits]
      .sort(([a], [b]) => SPLIT_ORDER.indexOf(a) - SPLIT_ORDER.indexOf(b))
      .map(([name, list]) => [name, [...list.values()]] as const),
  );
  const place = (split: string, i: number): string => entries.get(split)?.[i]?.place as string;
  const own = await statedClasses(root, files);
  const texts = new Map([...entries].map(([name, list]) => [name, list.map(({ label }) => label)]));
  const numbered = own !== undefined && !own.some(isNumber) && [...texts.values()].flat().every(isNumber);
  const { classes, labels } = numbered
    ? labelByNumber(new Map([...texts].map(([name, list]) => [name, list.map(Number)])), own, options.classes, place)
    : labelByName(texts, options.classes ?? own, place);
  return {
    format: "manifest",
    classes,
    splits: [...labels].map(([name, split]) => {
      const list = entries.get(name) as readonly Entry[];
      return makeSplit({
        name,
        labels: split,
        nameOf: (index) => (list[index] as Entry).name,
        source: (index) => ({ kind: "file", path: (list[index] as Entry).path }),
      });
    }),
  };
}

function add(
  { root, skipped }: Opening,
  splits: Map<string, Map<string, Entry>>,
  part: Part,
  manifest: string,
  row: Row,
): void {
  const place = `${manifest}: line ${row.line}`;
  const fail = (why: string): never => {
    throw new DatasetError("bad-manifest", `${place}: ${why}`, { file: manifest });
  };
  let split: string = part.split;
  if (row.split !== undefined && row.split !== "")
    split = splitOf(row.split) ?? fail(`the split ${quote(row.split)}, expected train, val or test`);
  else if (row.split === "") fail("no split, and other lines have one");
  if (/^(https?|s3|gs|hf):/i.test(row.image))
    fail(`${quote(row.image)} is on a network: fetch the pictures first and name the files`);
  const stated = row.image.startsWith("file:") ? fileURLToPath(row.image) : row.image;
  const path = isAbsolute(stated) ? stated : resolve(dirname(manifest), stated);
  const name = relative(root, path).split(sep).join("/");
  const list = splits.get(split) ?? new Map<string, Entry>();
  splits.set(split, list);
  const other = list.get(name);
  if (other && other.label !== row.label)
    fail(`${quote(row.image)} is ${quote(row.label)} here and ${quote(other.label)} in ${other.place}; keep one`);
  if (other) skipped.push({ name, reason: `listed a second time (line ${row.line})` });
  else list.set(name, { name, path, label: row.label, place });
}

/** Looks for the files folder by folder: as many questions as there are folders, not files. */
async function findFiles({ options, skipped }: Opening, splits: Map<string, Map<string, Entry>>): Promise<void> {
  const folders = new Map<string, { readonly list: Map<string, Entry>; readonly entry: Entry }[]>();
  for (const list of splits.values())
    for (const entry of list.values()) {
      const folder = dirname(entry.path);
      const wanted = folders.get(folder);
      if (wanted) wanted.push({ list, entry });
      else folders.set(folder, [{ list, entry }]);
    }
  const gone = new Set<Entry>();
  await eachOf([...folders], 16, async ([folder, wanted]) => {
    const there = new Set(await readdir(folder).catch(() => []));
    // A name may be there under another spelling: a file system that ignores case or composes letters knows.
    for (const { entry } of wanted)
      if (!there.has(basename(entry.path)) && !(await exists(entry.path))) gone.add(entry);
  });
  const missing = [...splits.values()].flatMap((list) =>
    [...list.values()].filter((entry) => gone.has(entry)).map((entry) => ({ list, entry })),
  );
  if (missing.length === 0) return;
  if (options.missing === "skip") {
    for (const { list, entry } of missing) {
      list.delete(entry.name);
      skipped.push({ name: entry.name, reason: "named by the manifest and not there" });
    }
    return;
  }
  const first = (missing[0] as (typeof missing)[0]).entry;
  const count = missing.length === 1 ? "a file that is not there" : `one of ${missing.length} files that are not there`;
  throw new DatasetError(
    "missing-file",
    `${first.place}: ${count}: ${some(missing.map(({ entry }) => entry.name))}; paths are relative to the manifest. To go on without them, open with missing: "skip"`,
    { file: first.path },
  );
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

function isNumber(label: string): boolean {
  return /^\d{1,9}$/.test(label);
}
