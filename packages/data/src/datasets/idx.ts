/**
 * The idx files of MNIST and of its successors, gzipped or not: big-endian magic 0 0 type dimensions, the sizes, the values.
 * http://yann.lecun.com/exdb/mnist
 */
import { createReadStream } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { join } from "node:path";
import { createGunzip } from "node:zlib";
import { be32 } from "../probe-bytes.ts";
import { statedClasses } from "./class-names.ts";
import { DatasetError, reasonOf } from "./errors.ts";
import { labelByNumber } from "./labels.ts";
import { type Layout, rawSplit, type Store, sizeOf } from "./raw.ts";
import type { Opened, Opening } from "./reader.ts";
import { readFully } from "./sample.ts";

/** The files of a split: below the root, what they are called. */
export interface IdxPair {
  readonly split: string;
  readonly images: string;
  readonly labels: string;
}

/** deflate can't do better: 258 bytes for two bits. */
const MOST_RATIO = 1032;
/** Of an unpacked file that is held in memory. */
const MOST_BYTES = 2 ** 32;

/** Fashion-MNIST's classes, https://github.com/zalandoresearch/fashion-mnist */
const FASHION: readonly string[] = [
  "T-shirt/top",
  "Trouser",
  "Pullover",
  "Dress",
  "Coat",
  "Sandal",
  "Shirt",
  "Sneaker",
  "Bag",
  "Ankle boot",
];
/** Its first labels, by which it is told from MNIST: the files have the same names. */
const FASHION_LABELS: Readonly<Record<string, string>> = {
  train: "90030272550955791064314843024453",
  test: "92116146574573412480257914609388",
};

/** `train` or `test`, and whether images or labels: `train-images-idx3-ubyte.gz`, `t10k-labels.idx1-ubyte`, `emnist-letters-test-images-idx3-ubyte`. */
export function idxPart(name: string): { readonly split: string; readonly what: "images" | "labels" } | undefined {
  const found = /^(?:.*-)?(train|t10k|test|val|valid)-(images|labels)[-.]idx[13]-ubyte(?:\.gz)?$/i.exec(name);
  if (!found) return undefined;
  const split = (found[1] as string).toLowerCase();
  return {
    split: split === "t10k" ? "test" : split === "valid" ? "val" : split,
    what: (found[2] as string).toLowerCase() as "images" | "labels",
  };
}

/** Pairs the files of a folder. Where a file is there twice, gzipped and not, the unpacked one is taken. */
export function idxPairs(root: string, names: readonly string[]): IdxPair[] {
  const found = new Map<string, { images?: string; labels?: string }>();
  for (const name of [...names].sort((a, b) => b.length - a.length)) {
    const part = idxPart(name);
    if (part) found.set(part.split, { ...found.get(part.split), [part.what]: name });
  }
  return ["train", "val", "test"].flatMap((split) => {
    const pair = found.get(split);
    if (!pair) return [];
    if (pair.images === undefined || pair.labels === undefined) {
      const [there, missing] = pair.images === undefined ? [pair.labels, "images"] : [pair.images, "labels"];
      throw new DatasetError("missing-file", `${root}: ${there} is there without its ${missing}`, { file: root });
    }
    return [{ split, images: pair.images, labels: pair.labels }];
  });
}

/** Opens pairs of idx files. Unpacked files stay on disk, gzipped ones are held in memory. `files` are those directly in the root. */
export async function openIdx(
  { root, options }: Opening,
  pairs: readonly IdxPair[],
  files: readonly string[],
): Promise<Opened> {
  const opened: IdxFile[] = [];
  const dispose = async (): Promise<void> => {
    await Promise.all(opened.splice(0).map((file) => file.close()));
  };
  try {
    const stores = new Map<string, Store>();
    const numbers = new Map<string, Uint8Array>();
    for (const { split, images, labels } of pairs) {
      const pictures = await openFile(join(root, images));
      opened.push(pictures);
      const answers = await openFile(join(root, labels));
      opened.push(answers);
      const [count, height, width] = shapeOf(pictures, 3) as [number, number, number];
      const [labelled] = shapeOf(answers, 1) as [number];
      if (labelled !== count)
        throw new DatasetError("corrupt", `${join(root, labels)}: ${labelled} labels for ${count} pictures`, {
          file: root,
        });
      const layout: Layout = { width, height, channels: 1, planar: false };
      const size = sizeOf(layout);
      stores.set(split, {
        layout,
        length: count,
        nameOf: (index) => `${images}#${index}`,
        read: (index, n) => pictures.read(index * size, n * size),
      });
      numbers.set(split, Uint8Array.from(await answers.read(0, count)));
    }
    const own = (await statedClasses(root, files)) ?? (isFashion(numbers) ? FASHION : undefined);
    const place = (split: string, i: number): string => `${root}: ${stores.get(split)?.nameOf(i)}`;
    const { classes, labels } = labelByNumber(numbers, own, options.classes, place);
    return {
      format: "idx",
      classes,
      splits: [...labels].map(([name, list]) => rawSplit(name, [stores.get(name) as Store], list)),
      dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

function isFashion(numbers: ReadonlyMap<string, Uint8Array>): boolean {
  return [...numbers].some(([split, labels]) => FASHION_LABELS[split] === labels.subarray(0, 32).join(""));
}

interface IdxFile {
  readonly path: string;
  readonly shape: readonly number[];
  /** Of the values, counted from behind the header. */
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>;
  close(): Promise<void>;
}

function shapeOf({ path, shape }: IdxFile, dimensions: number): readonly number[] {
  if (shape.length !== dimensions)
    throw new DatasetError(
      "corrupt",
      `${path}: ${shape.length} dimensions, expected ${dimensions} (${dimensions === 3 ? "pictures, rows, columns" : "labels"})`,
      {
        file: path,
      },
    );
  if (dimensions === 3 && (shape[1] === 0 || shape[2] === 0))
    throw new DatasetError("corrupt", `${path}: pictures of ${shape[1]} x ${shape[2]} pixels`, { file: path });
  return shape;
}

async function openFile(path: string): Promise<IdxFile> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, "r");
    const { size } = await handle.stat();
    const head = await readFully(handle, 0, Math.min(size, 2));
    if (head[0] === 0x1f && head[1] === 0x8b) {
      await handle.close();
      handle = undefined;
      return await unpack(path);
    }
    const header = await readFully(handle, 0, Math.min(size, 4 + 4 * 255));
    const { shape, begin, bytes } = parseHeader(path, header, size);
    if (begin + bytes > size)
      throw new DatasetError(
        "truncated",
        `${path}: ${size} bytes, expected ${begin + bytes} for ${shape.join(" x ")} values: get it again`,
        {
          file: path,
        },
      );
    const own = handle;
    return { path, shape, read: (offset, length) => readFully(own, begin + offset, length), close: () => own.close() };
  } catch (cause) {
    await handle?.close();
    if (cause instanceof DatasetError) throw cause;
    throw new DatasetError("unreadable", `${path}: ${reasonOf(cause)}`, { file: path, cause });
  }
}

/** Shape, where the values begin, and how many bytes they are, checked before anything is allocated for them. */
function parseHeader(path: string, bytes: Uint8Array, size: number): { shape: number[]; begin: number; bytes: number } {
  const fail = (code: "corrupt" | "truncated" | "unsupported", why: string): never => {
    throw new DatasetError(code, `${path}: ${why}`, { file: path });
  };
  if (bytes.length < 4) fail("truncated", `${size} bytes, too few for an idx header`);
  const [zero, zero2, type, dimensions] = bytes as unknown as [number, number, number, number];
  if (zero !== 0 || zero2 !== 0) fail("corrupt", "expected an idx file (two zero bytes), found other bytes");
  if (type !== 8)
    fail(
      type >= 9 && type <= 14 ? "unsupported" : "corrupt",
      `values of idx type ${type}, expected 8 (unsigned bytes)`,
    );
  const begin = 4 + 4 * dimensions;
  if (dimensions === 0 || dimensions > 4) fail("corrupt", `${dimensions} dimensions, expected 1 to 4`);
  if (bytes.length < begin) fail("truncated", `${size} bytes, its header alone takes ${begin}`);
  const shape = Array.from({ length: dimensions }, (_, i) => be32(bytes, 4 + 4 * i));
  const values = shape.reduce((product, side) => product * side, 1);
  if (!(values <= Number.MAX_SAFE_INTEGER)) fail("corrupt", `${shape.join(" x ")} values, more than a file can hold`);
  return { shape, begin, bytes: values };
}

/** Unpacks a gzipped file into memory. Its header, which comes first, says how much that is; more than gzip can give is refused. */
async function unpack(path: string): Promise<IdxFile> {
  const { size } = await stat(path);
  const gunzip = createReadStream(path)
    .on("error", (error) => gunzip.destroy(error))
    .pipe(createGunzip());
  let head = new Uint8Array(0);
  let out: Uint8Array | undefined;
  let shape: number[] = [];
  let at = 0;
  try {
    for await (const chunk of gunzip as AsyncIterable<Uint8Array>) {
      let piece = chunk;
      if (!out) {
        head = Buffer.concat([head, chunk]);
        if (head.length < 4 || head.length < 4 + 4 * (head[3] as number)) continue;
        const header = parseHeader(path, head, size);
        if (header.bytes > Math.min(MOST_BYTES, size * MOST_RATIO))
          throw new DatasetError(
            "corrupt",
            `${path}: claims ${header.bytes} bytes in ${size}, more than gzip can give or memory hold`,
            {
              file: path,
            },
          );
        shape = header.shape;
        out = new Uint8Array(header.bytes);
        piece = head.subarray(header.begin);
      }
      const room = Math.min(piece.length, out.length - at); // what comes behind the values is not idx's
      out.set(piece.subarray(0, room), at);
      at += room;
    }
  } catch (cause) {
    if (cause instanceof DatasetError) throw cause;
    const cut = (cause as NodeJS.ErrnoException).code === "Z_BUF_ERROR";
    throw new DatasetError(
      cut ? "truncated" : "corrupt",
      `${path}: ${cut ? "the gzip file is cut" : `damaged: ${reasonOf(cause)}`}: get it again`,
      { file: path, cause },
    );
  } finally {
    gunzip.destroy();
  }
  if (!out) throw new DatasetError("truncated", `${path}: too few bytes for an idx header`, { file: path });
  if (at < out.length)
    throw new DatasetError(
      "truncated",
      `${path}: ${at} bytes of values, expected ${out.length} for ${shape.join(" x ")}: get it again`,
      {
        file: path,
      },
    );
  const values = out;
  return { path, shape, read: (offset, length) => values.subarray(offset, offset + length), close: async () => {} };
}
