/**
 * One Parquet file: its footer, checked, and its columns, a group of rows at a time. hyparquet decodes; what it believes is looked
 * through before, so that a damaged or hostile file is an error and neither fills the memory nor goes round for minutes.
 * https://parquet.apache.org/docs/file-format
 */
import { type FileHandle, open } from "node:fs/promises";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import {
  type AsyncBuffer,
  type ColumnMetaData,
  type Compressors,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
} from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";
import { compressors, decompressZstd } from "hyparquet-compressors";
import { DatasetError, reasonOf } from "./errors.ts";
import { readFully } from "./sample.ts";

/** A page may unpack to so much whatever it was packed into; beyond, to so many times the packed bytes. */
const PAGE = 64 * 2 ** 20;
const MOST_RATIO = 256;
/** A column of a group of rows, packed: it is read at once. */
const CHUNK = 2 ** 31;
/** A footer; one of 10,000 row groups has some megabytes. */
const FOOTER = 256 * 2 ** 20;

// Node's own where it has them; what is unpacked is never more than the header said and was checked.
const codecs: Compressors = {
  ...compressors,
  GZIP: (input, length) => gunzipSync(input, { maxOutputLength: Math.max(1, length) }),
  BROTLI: (input, length) => brotliDecompressSync(input, { maxOutputLength: Math.max(1, length) }),
  ZSTD: (input, length) => decompressZstd(input, new Uint8Array(length)),
};

/** An open file. */
export interface ParquetFile {
  readonly path: string;
  readonly metadata: FileMetaData;
  /** Where each group of rows begins; the last element is the number of rows. */
  readonly begins: readonly number[];
  /** A column's values of one group, a row each. */
  read(group: number, column: string): Promise<unknown[]>;
  close(): Promise<void>;
}

/** @throws DatasetError ("truncated", "corrupt", "unsupported", "unreadable") */
export async function openParquetFile(path: string): Promise<ParquetFile> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, "r");
    const own = handle;
    const { size } = await own.stat();
    await checkMarks(path, own, size);
    const file: AsyncBuffer = {
      byteLength: size,
      slice: async (begin, end = size) => (await readFully(own, begin, end - begin)).buffer as ArrayBuffer,
    };
    const metadata = await parquetMetadataAsync(file, { geoparquet: false }).catch((cause) => {
      throw corrupt(path, `its footer is damaged: ${reasonOf(cause)}`, cause);
    });
    const begins = checkGroups(path, metadata, size);
    return {
      path,
      metadata,
      begins,
      read: (group, column) => readColumn({ path, own, file, metadata, begins }, group, column),
      close: () => own.close(),
    };
  } catch (cause) {
    await handle?.close();
    if (cause instanceof DatasetError) throw cause;
    throw new DatasetError("unreadable", `${path}: ${reasonOf(cause)}`, { file: path, cause });
  }
}

async function checkMarks(path: string, handle: FileHandle, size: number): Promise<void> {
  const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
  const fail = (code: "corrupt" | "truncated" | "unsupported", why: string): never => {
    throw new DatasetError(code, `${path}: ${why}`, { file: path });
  };
  if (size < 12) fail("truncated", `${size} bytes, too few for Parquet`);
  const head = text(await readFully(handle, 0, 4));
  const tail = await readFully(handle, size - 8, 8);
  const mark = text(tail.subarray(4));
  if (head === "PARE" || mark === "PARE") fail("unsupported", "an encrypted Parquet file; write it without encryption");
  if (head !== "PAR1")
    fail("corrupt", `expected Parquet ("PAR1"), found a file that begins with ${JSON.stringify(head)}`);
  if (mark !== "PAR1") fail("truncated", `Parquet whose end is missing ("PAR1"): get it again`);
  const footer = new DataView(tail.buffer, tail.byteOffset, 4).getUint32(0, true);
  if (footer > Math.min(size - 12, FOOTER)) fail("corrupt", `a footer of ${footer} bytes in a file of ${size}`);
}

/** Rows and places as the footer states them must fit the file. */
function checkGroups(path: string, metadata: FileMetaData, size: number): number[] {
  const begins = [0];
  let total = 0;
  for (const [i, group] of metadata.row_groups.entries()) {
    const rows = Number(group.num_rows);
    // a picture takes a byte at least, so this is more rows than there can be
    if (!(rows >= 0 && total + rows <= size))
      throw corrupt(path, `row group ${i} claims ${rows} rows in a file of ${size} bytes`);
    total += rows;
    begins.push(total);
  }
  if (Number(metadata.num_rows) !== total)
    throw corrupt(path, `its footer states ${metadata.num_rows} rows, its row groups have ${total}`);
  return begins;
}

interface Source extends Pick<ParquetFile, "path" | "metadata" | "begins"> {
  readonly own: FileHandle;
  readonly file: AsyncBuffer;
}

async function readColumn(
  { path, own, file, metadata, begins }: Source,
  group: number,
  column: string,
): Promise<unknown[]> {
  const rows = (begins[group + 1] as number) - (begins[group] as number);
  try {
    const held: { readonly begin: number; readonly bytes: Uint8Array }[] = [];
    for (const { meta_data: meta } of metadata.row_groups[group]?.columns ?? []) {
      if (meta === undefined || meta.path_in_schema[0] !== column) continue;
      const { begin, end } = rangeOf(meta);
      if (!(begin >= 4 && end >= begin && end <= file.byteLength && end - begin <= CHUNK))
        throw new Error(`a column at bytes ${begin} to ${end} of ${file.byteLength}`);
      const bytes = await readFully(own, begin, end - begin);
      checkPages(bytes, rows);
      held.push({ begin, bytes });
    }
    // hyparquet gets the bytes that were looked through, not the file
    const checked: AsyncBuffer = {
      byteLength: file.byteLength,
      slice(begin, end = file.byteLength) {
        // columns that lie side by side are asked for in one
        const out = new Uint8Array(end - begin);
        for (const { begin: from, bytes } of held) {
          const [low, high] = [Math.max(begin, from), Math.min(end, from + bytes.length)];
          if (low < high) out.set(bytes.subarray(low - from, high - from), low - begin);
        }
        return out.buffer;
      },
    };
    const found = await parquetReadObjects({
      file: checked,
      metadata,
      columns: [column],
      rowStart: begins[group] as number,
      rowEnd: begins[group + 1] as number,
      compressors: codecs,
      utf8: false, // pictures are bytes; columns that are marked as text are text all the same
      geoparquet: false,
    });
    if (found.length !== rows) throw new Error(`${found.length} rows, expected ${rows}`);
    return found.map((row) => row[column] as unknown);
  } catch (cause) {
    throw corrupt(path, `row group ${group}, column ${JSON.stringify(column)}: ${reasonOf(cause)}`, cause);
  }
}

/** Where a column of a group lies, by hyparquet's own rule. */
function rangeOf(meta: ColumnMetaData): { readonly begin: number; readonly end: number } {
  const begin = Number(meta.dictionary_page_offset || meta.data_page_offset);
  return { begin, end: begin + Number(meta.total_compressed_size) };
}

/** Throws unless every page of a column fits it, and the rows that it may have. */
function checkPages(bytes: Uint8Array, rows: number): void {
  const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
  let values = 0;
  while (reader.offset < bytes.length - 1) {
    const at = reader.offset;
    const fail = (why: string): never => {
      throw new Error(`the page at byte ${at} of a column ${why}`);
    };
    const page = parquetHeader(reader);
    const { data_page_header: v1, data_page_header_v2: v2, dictionary_page_header: dictionary } = page;
    const [packed, unpacked] = [Number(page.compressed_page_size), Number(page.uncompressed_page_size)];
    if (!(packed >= 0 && reader.offset + packed <= bytes.length))
      fail(`has ${packed} bytes, the column ends before them`);
    if (!(unpacked >= 0 && unpacked <= Math.max(PAGE, MOST_RATIO * packed)))
      fail(`claims to unpack from ${packed} to ${unpacked} bytes`);
    if (v2) {
      const levels = Number(v2.definition_levels_byte_length) + Number(v2.repetition_levels_byte_length);
      if (!(levels >= 0 && levels <= packed)) fail(`has levels of ${levels} bytes`);
    }
    const count = Number((v1 ?? v2 ?? dictionary)?.num_values ?? 0);
    // A dictionary has a value a byte at most; pages have a value a row, for lists of pictures or labels are not read.
    if (!(count >= 0 && count <= (dictionary ? unpacked : rows - values)))
      fail(`claims ${count} values, the rows are ${rows}`);
    if (!dictionary) values += count;
    reader.offset += packed;
  }
}

function corrupt(path: string, why: string, cause?: unknown): DatasetError {
  return new DatasetError("corrupt", `${path}: ${why}`, { file: path, cause });
}
