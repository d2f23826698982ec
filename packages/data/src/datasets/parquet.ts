/**
 * Parquet as the Hugging Face hub and the Python package datasets write it: a column of pictures, `{bytes, path}` or plain bytes, one of
 * labels, and the names of the classes in the footer's `huggingface` entry. https://huggingface.co/docs/datasets/image_dataset
 */
import { basename, dirname, join } from "node:path";
import { statedClasses } from "./class-names.ts";
import { DatasetError, quote, some } from "./errors.ts";
import { labelByName, labelByNumber } from "./labels.ts";
import { openParquetFile, type ParquetFile } from "./parquet-file.ts";
import { type ParquetSource, parquetSplit, rowName } from "./parquet-split.ts";
import type { Opened, Opening, Part } from "./reader.ts";
import { fileSpill, memorySpill, type Spill } from "./spill.ts";
import type { OpenDatasetOptions } from "./types.ts";

const IMAGES = ["image", "img", "images", "picture", "photo", "pixel_values"];
const LABELS = ["label", "labels", "fine_label", "class", "category", "target"];
/** Splits whose pictures unpack to no more are kept in memory once they were read. */
const IN_MEMORY = 256 * 2 ** 20;

/** Opens Parquet files: footers and labels are read, pictures when they are asked for. `files` are those directly in the root. */
export async function openParquet(
  { root, options, skipped }: Opening,
  parts: readonly Part[],
  files: readonly string[],
  inMemory: number = IN_MEMORY,
): Promise<Opened> {
  checkNumbering(root, parts);
  const opened: ParquetFile[] = [];
  const spills: Spill[] = [];
  const dispose = async (): Promise<void> => {
    await Promise.all([
      ...opened.splice(0).map((file) => file.close()),
      ...spills.splice(0).map((spill) => spill.dispose()),
    ]);
  };
  try {
    const bySplit = new Map<string, ParquetSource[]>();
    for (const { path, split } of parts) {
      const file = await openParquetFile(join(root, path));
      opened.push(file);
      bySplit.set(split, [...(bySplit.get(split) ?? []), await sourceOf(file, path, options)]);
    }
    for (const [split, sources] of bySplit)
      if (split !== "train" && sources.every(({ labels }) => labels.every((label) => label === -1))) {
        skipped.push({ name: split, reason: "its labels are all -1, which stands for none" });
        bySplit.delete(split);
      }
    if (bySplit.size === 0) throw new DatasetError("missing-column", `${root}: no picture has a label`, { file: root });
    const own = sharedClasses(root, [...bySplit.values()].flat()) ?? (await statedClasses(root, files));
    const all = new Map([...bySplit].map(([split, sources]) => [split, sources.flatMap(({ labels }) => labels)]));
    const place = (split: string, i: number): string =>
      `${root}: ${rowName(bySplit.get(split) as readonly ParquetSource[], i)}`;
    const numbered = [...all.values()].every((labels) => labels.every((label) => typeof label === "number"));
    const { classes, labels } = numbered
      ? labelByNumber(all as Map<string, number[]>, own, options.classes, place)
      : labelByName(new Map([...all].map(([split, list]) => [split, list.map(String)])), options.classes ?? own, place);
    const splits = [...labels].map(([name, list]) => {
      const sources = bySplit.get(name) as readonly ParquetSource[];
      const spill = unpackedSize(sources) <= inMemory ? memorySpill() : fileSpill();
      spills.push(spill);
      return parquetSplit(name, sources, list, spill);
    });
    return { format: "parquet", classes, splits, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** `train-00000-of-00002.parquet`: the others of its kind must be there. */
function checkNumbering(root: string, parts: readonly Part[]): void {
  const seen = new Map<string, Set<number>>();
  for (const { path } of parts) {
    const [, stem, number, of] = /^(.*)-(\d{5})-of-(\d{5})/.exec(basename(path)) ?? [];
    if (stem === undefined) continue;
    const key = `${dirname(path)}/${stem}-*-of-${of}`;
    seen.set(key, (seen.get(key) ?? new Set()).add(Number(number)));
  }
  for (const [key, numbers] of seen) {
    const of = Number(key.slice(-5));
    if (numbers.size === of) continue;
    const missing = Array.from({ length: of }, (_, i) => i)
      .filter((i) => !numbers.has(i))
      .map((i) => key.replace(/^\.\//, "").replace("*", String(i).padStart(5, "0")));
    throw new DatasetError(
      "missing-file",
      `${root}: ${numbers.size} of ${of} files are there, missing are ${some(missing)}`,
      { file: root },
    );
  }
}

interface Feature {
  readonly _type?: string;
  readonly names?: unknown;
}

async function sourceOf(file: ParquetFile, name: string, options: OpenDatasetOptions): Promise<ParquetSource> {
  const features = featuresOf(file);
  const top = topColumns(file);
  const ofType = (type: string): string[] =>
    [...features].filter(([, feature]) => feature._type === type).map(([column]) => column);
  const pick = (what: "image" | "label", asked: string | undefined, names: readonly string[], type: string): string => {
    const found =
      asked !== undefined ? top.find((c) => c === asked) : (names.find((n) => top.includes(n)) ?? only(ofType(type)));
    if (found !== undefined && top.includes(found)) return found;
    const expected = asked === undefined ? `${names.join(", ")} (or name yours with ${what}Column)` : quote(asked);
    throw new DatasetError(
      "missing-column",
      `${file.path}: no column of ${what}s: expected ${expected}, found ${some(top, 12)}`,
      {
        file: file.path,
      },
    );
  };
  const columns = {
    image: pick("image", options.imageColumn, IMAGES, "Image"),
    label: pick("label", options.labelColumn, LABELS, "ClassLabel"),
  };
  checkTypes(file, columns);
  const labels: (number | string)[] = [];
  for (let group = 0; group + 1 < file.begins.length; group++)
    for (const value of await file.read(group, columns.label)) labels.push(labelOf(file, name, labels.length, value));
  const names = features.get(columns.label)?.names;
  const classes = Array.isArray(names) && names.every((n) => typeof n === "string") ? (names as string[]) : undefined;
  return { file, name, columns, labels, classes };
}

function only(names: readonly string[]): string | undefined {
  return names.length === 1 ? names[0] : undefined;
}

/** The features that the package datasets wrote into the footer; none where it was another. */
function featuresOf({ metadata }: ParquetFile): Map<string, Feature> {
  const text = metadata.key_value_metadata?.find(({ key }) => key === "huggingface")?.value;
  try {
    const { info } = JSON.parse(text ?? "{}") as { info?: { features?: Record<string, Feature> } };
    return new Map(
      Object.entries(info?.features ?? {}).filter(([, feature]) => typeof feature === "object" && feature !== null),
    );
  } catch {
    return new Map();
  }
}

function topColumns({ metadata: { schema } }: ParquetFile): string[] {
  const names: string[] = [];
  const children = schema[0]?.num_children ?? 0;
  let at = 1;
  const pass = (): void => {
    const nested = schema[at++]?.num_children ?? 0;
    for (let i = 0; i < nested && at < schema.length; i++) pass();
  };
  for (let i = 0; i < children && at < schema.length; i++) {
    names.push(schema[at]?.name ?? "");
    pass();
  }
  return names;
}

function checkTypes(file: ParquetFile, { image, label }: ParquetSource["columns"]): void {
  const leaves = (file.metadata.row_groups[0]?.columns ?? []).flatMap(({ meta_data: meta }) => (meta ? [meta] : []));
  const fail = (column: string, why: string): never => {
    throw new DatasetError("unsupported", `${file.path}: the column ${quote(column)} ${why}`, { file: file.path });
  };
  const pictures = leaves.filter(({ path_in_schema: path }) => path[0] === image);
  const bytes = pictures.find(
    ({ path_in_schema: path }) => path.length === 1 || (path.length === 2 && path[1] === "bytes"),
  );
  if (leaves.length > 0 && bytes?.type !== "BYTE_ARRAY")
    fail(
      image,
      "holds no encoded pictures: expected bytes, or bytes and path, as the package datasets writes an Image",
    );
  const answers = leaves.filter(({ path_in_schema: path }) => path[0] === label);
  if (answers.some(({ path_in_schema: path }) => path.length > 1))
    fail(label, "holds lists: expected one label a picture");
}

function labelOf(file: ParquetFile, name: string, row: number, value: unknown): number | string {
  if (typeof value === "number" && Number.isInteger(value)) return value;
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "string" && value !== "") return value;
  if (value instanceof Uint8Array && value.length > 0) return new TextDecoder().decode(value); // text that is not marked as such
  throw new DatasetError(
    "corrupt",
    `${file.path}: ${name}#${row} has the label ${String(value)}, expected a number or a name`,
    {
      file: file.path,
    },
  );
}

function sharedClasses(root: string, sources: readonly ParquetSource[]): readonly string[] | undefined {
  const stated = sources.filter(({ classes }) => classes !== undefined);
  const [first] = stated;
  const other = stated.find(({ classes }) => JSON.stringify(classes) !== JSON.stringify(first?.classes));
  if (first && other)
    throw new DatasetError("corrupt", `${root}: ${quote(first.name)} and ${quote(other.name)} list different classes`, {
      file: root,
    });
  return first?.classes;
}

function unpackedSize(sources: readonly ParquetSource[]): number {
  let size = 0;
  for (const { file, columns } of sources)
    for (const { columns: chunks } of file.metadata.row_groups)
      for (const { meta_data: meta } of chunks)
        if (meta?.path_in_schema[0] === columns.image) size += Number(meta.total_uncompressed_size);
  return size;
}
