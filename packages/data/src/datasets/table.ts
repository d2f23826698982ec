import { readFile, stat } from "node:fs/promises";
import { extname } from "node:path";
import { DatasetError, quote, reasonOf, some } from "./errors.ts";
import { namedAsPicture } from "./pictures.ts";
import type { OpenDatasetOptions } from "./types.ts";

/** A line of a manifest. */
export interface Row {
  /** From 1, the header counted. */
  readonly line: number;
  readonly image: string;
  readonly label: string;
  readonly split: string | undefined;
}

/** What the columns are called, as people and libraries call them; the first that is there counts. */
const COLUMNS = {
  image: ["path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path", "img", "img_path"],
  label: ["label", "class", "class_name", "label_name", "category", "target"],
  split: ["split", "subset", "set", "partition", "fold"],
} as const;

/** A string holds no more, and a list of files has no business being larger. */
const MOST_BYTES = 2 ** 28;

/** Whether a name is that of a manifest. */
export function isTable(name: string): boolean {
  return [".csv", ".tsv", ".jsonl", ".ndjson"].includes(extname(name).toLowerCase());
}

/**
 * Reads a CSV, TSV or JSON lines file that names a picture and its class each line.
 *
 * @throws DatasetError ("missing-column") where it has no such columns, ("bad-manifest") for lines that do not fit, naming the line
 */
export async function readTable(path: string, options: OpenDatasetOptions): Promise<Row[]> {
  const text = await readText(path);
  const { header, records } = /\.(jsonl|ndjson)$/i.test(path) ? jsonLines(path, text) : await separated(path, text);
  const at = {
    image: columnOf(path, header, "image", options.imageColumn),
    label: columnOf(path, header, "label", options.labelColumn),
    split: find(header, COLUMNS.split),
  };
  return records.map(({ line, cells }) => {
    const [image, label] = [cells[at.image] ?? "", cells[at.label] ?? ""];
    if (image === "" || label === "")
      throw bad(
        path,
        line,
        `no ${image === "" ? "picture in the column" : "label in the column"} ${quote(header[image === "" ? at.image : at.label] as string)}`,
      );
    return { line, image, label, split: at.split === undefined ? undefined : cells[at.split] };
  });
}

async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MOST_BYTES)
      throw new DatasetError("unsupported", `${path}: ${size} bytes, a manifest may have ${MOST_BYTES}`, {
        file: path,
      });
    return (await readFile(path, "utf8")).replace(/^\uFEFF/, "");
  } catch (cause) {
    if (cause instanceof DatasetError) throw cause;
    throw new DatasetError("unreadable", `${path}: ${reasonOf(cause)}`, { file: path, cause });
  }
}

interface Table {
  readonly header: readonly string[];
  readonly records: readonly { readonly line: number; readonly cells: readonly (string | undefined)[] }[];
}

async function separated(path: string, text: string): Promise<Table> {
  const { parse } = await import("csv-parse/sync");
  const first = text.slice(0, 4096).split(/\r?\n/, 1)[0] as string;
  // Spreadsheets in many countries write semicolons into their "CSV": what the header has most of separates.
  const count = (mark: string): number => first.split(mark).length;
  const delimiter = [",", ";", "\t"].reduce((a, b) => (count(b) > count(a) ? b : a));
  let lines: { record: string[]; info: { lines: number } }[];
  try {
    lines = parse(text, {
      delimiter,
      info: true,
      trim: true,
      skip_empty_lines: true,
      relax_column_count: true,
    }) as never;
  } catch (cause) {
    throw new DatasetError("bad-manifest", `${path}: ${reasonOf(cause)}`, { file: path, cause });
  }
  const [top, ...rest] = lines;
  if (!top)
    throw new DatasetError("bad-manifest", `${path}: empty, expected a header such as "path,label"`, { file: path });
  const header = top.record;
  if (header.some(namedAsPicture))
    throw new DatasetError(
      "missing-column",
      `${path}: the first line names a picture, expected a header: write "path${delimiter}label" above it`,
      { file: path },
    );
  const records = rest.map(({ record: cells, info: { lines: line } }) => {
    if (cells.length !== header.length)
      throw bad(
        path,
        line,
        `${cells.length} columns, the header has ${header.length}; put text with a ${name(delimiter)} in quotes`,
      );
    return { line, cells };
  });
  return { header, records };
}

function name(delimiter: string): string {
  return delimiter === "," ? "comma" : delimiter === ";" ? "semicolon" : "tab";
}

function jsonLines(path: string, text: string): Table {
  const columns = new Map<string, number>();
  const records: { line: number; cells: (string | undefined)[] }[] = [];
  for (const [i, source] of text.split("\n").entries()) {
    if (source.trim() === "") continue;
    let value: unknown;
    try {
      value = JSON.parse(source);
    } catch (cause) {
      throw bad(path, i + 1, `no JSON: ${reasonOf(cause)}`);
    }
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw bad(path, i + 1, `expected an object such as {"path": "a.jpg", "label": "cat"}`);
    const cells: (string | undefined)[] = [];
    for (const [key, cell] of Object.entries(value)) {
      const at = columns.get(key) ?? columns.size;
      columns.set(key, at);
      // lists and objects are no labels: they are as if they were not there
      cells[at] = ["string", "number", "boolean"].includes(typeof cell) ? String(cell) : undefined;
    }
    records.push({ line: i + 1, cells });
  }
  if (records.length === 0) throw new DatasetError("bad-manifest", `${path}: empty`, { file: path });
  return { header: [...columns.keys()], records };
}

function columnOf(path: string, header: readonly string[], what: "image" | "label", asked: string | undefined): number {
  const found = asked === undefined ? find(header, COLUMNS[what]) : find(header, [asked]);
  if (found !== undefined) return found;
  const option = what === "image" ? "imageColumn" : "labelColumn";
  const expected =
    asked === undefined
      ? `${COLUMNS[what].join(", ")} (or name yours with ${option})`
      : `${quote(asked)}, which ${option} asks for`;
  throw new DatasetError(
    "missing-column",
    `${path}: no column of ${what}s: expected ${expected}, found ${some(header, 12)}`,
    {
      file: path,
    },
  );
}

function find(header: readonly string[], names: readonly string[]): number | undefined {
  const lower = header.map((column) => column.trim().toLowerCase());
  for (const wanted of names) {
    const at = lower.indexOf(wanted.toLowerCase());
    if (at >= 0) return at;
  }
  return undefined;
}

function bad(path: string, line: number, why: string): DatasetError {
  return new DatasetError("bad-manifest", `${path}: line ${line}: ${why}`, { file: path });
}
