/** Files of named vectors, written while they come. */
import type { FileHandle } from "node:fs/promises";
import { extname } from "node:path";
import { UserError } from "./user-error.ts";

/** What a file of vectors is told before the first. */
export interface About {
  /** Which model they are of. */
  readonly model: string;
  /** Numbers of a vector. */
  readonly width: number;
  /** The names that may come, in their order; some may be left out. */
  readonly names: readonly string[];
}

/** Takes vectors one after another. */
export interface VectorFile {
  add(name: string, vector: Float32Array): Promise<void>;
  /** Writes what was held back. */
  finish(): Promise<void>;
}

type Format = (file: FileHandle, about: About) => VectorFile | Promise<VectorFile>;

/** How vectors are written, by what the file's name ends in. */
const formats: Readonly<Record<string, Format>> = {
  ".safetensors": safetensors,
  ".parquet": parquet,
  ".jsonl": jsonl,
};

/** @throws UserError for an ending that there is no format of */
export function formatOf(out: string): Format {
  const format = formats[extname(out).toLowerCase()];
  if (format) return format;
  throw new UserError(`--out ${out}: expected a name that ends in ${Object.keys(formats).join(", ")}`);
}

/** Bytes that are worth a write. */
const ENOUGH = 1 << 20;
/** As many digits as give a float32 back, and no more. */
const short = (value: number) => Number(value.toPrecision(9));

/** A line each: `{"file":"a.jpg","embedding":[0.5,...]}`. */
function jsonl(file: FileHandle): VectorFile {
  let lines = "";
  const flush = async () => {
    await file.writeFile(lines);
    lines = "";
  };
  return {
    async add(name, vector) {
      lines += `${JSON.stringify({ file: name, embedding: Array.from(vector, short) })}\n`;
      if (lines.length >= ENOUGH) await flush();
    },
    finish: flush,
  };
}

/** The reference's limit on a header, in bytes. */
const LARGEST_HEADER = 100_000_000;

/** One tensor `embeddings`, [N, width] in float32; the names as a JSON array in the metadata, under `names`. */
async function safetensors(file: FileHandle, { model, width, names }: About): Promise<VectorFile> {
  const header = (taken: readonly string[]) => {
    const data_offsets = [0, taken.length * width * 4];
    return Buffer.from(
      JSON.stringify({
        __metadata__: { model, names: JSON.stringify(taken) },
        embeddings: { dtype: "F32", shape: [taken.length, width], data_offsets },
      }),
    );
  };
  // How many vectors there will be is known at the end: room for all now, and spaces for what stays empty.
  const room = Math.ceil(header(names).length / 8) * 8;
  if (room > LARGEST_HEADER) {
    throw new UserError(
      `${names.length} names make a header of ${room} bytes, safetensors takes ${LARGEST_HEADER}: write .parquet or .jsonl instead`,
    );
  }
  await file.writeFile(Buffer.alloc(8 + room, " "));
  const taken: string[] = [];
  let rows: Buffer[] = [];
  let held = 0;
  const flush = async () => {
    await file.writeFile(Buffer.concat(rows));
    rows = [];
    held = 0;
  };
  return {
    async add(name, vector) {
      taken.push(name);
      rows.push(Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength));
      held += vector.byteLength;
      if (held >= ENOUGH) await flush();
    },
    async finish() {
      await flush();
      const head = Buffer.alloc(8 + room, " ");
      head.writeBigUInt64LE(BigInt(room), 0);
      header(taken).copy(head, 8);
      await file.write(head, 0, head.length, 0);
    },
  };
}

/** Columns `file`, a string, and `embedding`, a list of floats; the model in the key-value metadata. */
async function parquet(file: FileHandle, { model, width }: About): Promise<VectorFile> {
  const { ByteWriter, ParquetWriter } = await import("hyparquet-writer");
  const bytes = new ByteWriter();
  const flush = async () => {
    await file.writeFile(bytes.getBytes().slice());
    bytes.index = 0; // offsets in the file go on
  };
  const writer = new ParquetWriter({
    writer: bytes,
    codec: "UNCOMPRESSED", // floats do not compress
    statistics: false,
    createdBy: "vitrail",
    kvMetadata: [{ key: "model", value: model }],
    schema: [
      { name: "root", num_children: 2 },
      { name: "file", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "REQUIRED" },
      { name: "embedding", converted_type: "LIST", repetition_type: "REQUIRED", num_children: 1 },
      { name: "list", repetition_type: "REPEATED", num_children: 1 },
      { name: "element", type: "FLOAT", repetition_type: "REQUIRED" },
    ],
  });
  const most = Math.max(1, Math.floor((8 * ENOUGH) / (4 * width))); // rows of a group
  let names: string[] = [];
  let vectors: number[][] = [];
  const group = async () => {
    if (names.length === 0) return;
    writer.write({
      columnData: [
        { name: "file", data: names, encoding: "PLAIN" },
        { name: "embedding", data: vectors, encoding: "PLAIN" },
      ],
      rowGroupSize: most,
    });
    names = [];
    vectors = [];
    await flush();
  };
  return {
    async add(name, vector) {
      names.push(name);
      vectors.push(Array.from(vector));
      if (names.length >= most) await group();
    },
    async finish() {
      await group();
      writer.finish();
      await flush();
    },
  };
}
