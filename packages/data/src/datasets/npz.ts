/**
 * Pixels and labels in a numpy archive: MedMNIST's `train_images`, `train_labels`, `val_…`, `test_…`, and `x_train`, `y_train`, … as
 * Keras has them.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { basename, join } from "node:path";
import {
  type Checkpoint,
  type CheckpointTensor,
  isCheckpointError,
  readCheckpoint,
  type Storage,
} from "@vitrail/checkpoint";
import { statedClasses } from "./class-names.ts";
import { DatasetError, reasonOf, some } from "./errors.ts";
import { labelByNumber } from "./labels.ts";
import { medmnistClasses } from "./medmnist.ts";
import { type Layout, rawSplit, type Store, sizeOf } from "./raw.ts";
import type { Opened, Opening } from "./reader.ts";

/** Names of the arrays of each split. */
const ARRAYS = [
  ["train", "train_images", "train_labels"],
  ["train", "x_train", "y_train"],
  ["val", "val_images", "val_labels"],
  ["val", "x_val", "y_val"],
  ["test", "test_images", "test_labels"],
  ["test", "x_test", "y_test"],
] as const;

/** Arrays up to this size are held in memory; larger ones stay on disk, which takes an archive that is not compressed. */
const HELD = 2 ** 31;

/** Opens an archive. `files` are those directly in the root, among which a list of classes may be. */
export async function openNpz({ root, options }: Opening, path: string, files: readonly string[]): Promise<Opened> {
  const full = join(root, path);
  const archive = open(full);
  try {
    const stores = new Map<string, Store>();
    const numbers = new Map<string, Float32Array>();
    for (const [split, images, labels] of ARRAYS) {
      const pictures = archive.tensors.get(images);
      if (!pictures) continue;
      const answers = archive.tensors.get(labels);
      if (!answers) throw new DatasetError("missing-column", `${full}: ${images} without ${labels}`, { file: full });
      const [count, layout] = pictureShape(full, images, pictures);
      stores.set(
        split,
        storeOf(pictures, layout, count, (index) => `${path}/${images}#${index}`),
      );
      numbers.set(split, labelsOf(full, labels, answers, count));
    }
    if (stores.size === 0)
      throw new DatasetError(
        "missing-column",
        `${full}: no pictures: expected train_images and train_labels (MedMNIST) or x_train and y_train (Keras), found ${some([...archive.tensors.keys()])}`,
        { file: full },
      );
    const own = (await statedClasses(root, files)) ?? medmnistClasses(basename(path));
    const place = (split: string, i: number): string => `${root}: ${stores.get(split)?.nameOf(i)}`;
    const { classes, labels } = labelByNumber(numbers, own, options.classes, place);
    return {
      format: "npz",
      classes,
      splits: [...labels].map(([name, list]) => rawSplit(name, [stores.get(name) as Store], list)),
      dispose: async () => archive.close(),
    };
  } catch (cause) {
    archive.close();
    throw mapped(full, cause);
  }
}

function open(path: string): Checkpoint {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch (cause) {
    throw new DatasetError("unreadable", `${path}: ${reasonOf(cause)}`, { file: path, cause });
  }
  let closed = false;
  const storage: Storage = {
    byteLength: fstatSync(descriptor).size,
    bytes(begin, end) {
      const out = new Uint8Array(end - begin);
      let at = 0;
      while (at < out.length) {
        const n = readSync(descriptor, out, at, out.length - at, begin + at);
        if (n === 0) break; // the reader checks the length
        at += n;
      }
      return out.subarray(0, at);
    },
    close() {
      if (!closed) closeSync(descriptor);
      closed = true;
    },
  };
  try {
    const archive = readCheckpoint(storage, { name: path });
    if (archive.format === "npz") return archive;
    throw new DatasetError("not-a-dataset", `${path}: expected an npz archive, found ${archive.format}`, {
      file: path,
    });
  } catch (cause) {
    storage.close?.();
    throw mapped(path, cause);
  }
}

function mapped(path: string, cause: unknown): unknown {
  if (!isCheckpointError(cause)) return cause;
  const code = cause.code === "truncated" || cause.code === "empty-file" ? "truncated" : "corrupt";
  return new DatasetError(code, cause.message, { file: path, cause });
}

function pictureShape(path: string, name: string, { dtype, shape }: CheckpointTensor): [number, Layout] {
  const fail = (why: string): never => {
    throw new DatasetError("unsupported", `${path}: ${name} ${why}`, { file: path });
  };
  if (dtype !== "U8") fail(`holds ${dtype}, expected unsigned bytes (0 to 255)`);
  const [count, height, width, channels = 1] = shape as [number, number, number, number?];
  const flat = shape.length === 3 || (shape.length === 4 && (channels === 1 || channels === 3));
  if (!flat) fail(`is [${shape.join(", ")}], expected [pictures, height, width] or [pictures, height, width, 3]`);
  if (height < 1 || width < 1) fail(`has pictures of ${width} x ${height} pixels`);
  return [count, { width, height, channels: channels as 1 | 3, planar: false }];
}

function storeOf(tensor: CheckpointTensor, layout: Layout, length: number, nameOf: (index: number) => string): Store {
  const size = sizeOf(layout);
  let held: Uint8Array | undefined;
  return {
    layout,
    length,
    nameOf,
    read(index, count) {
      if (length * size <= HELD) {
        // unpacked when first asked for: to look at labels alone costs no pixels
        held ??= tensor.bytes();
        return held.subarray(index * size, (index + count) * size);
      }
      return tensor.storage.bytes(index * size, (index + count) * size);
    },
  };
}

function labelsOf(path: string, name: string, tensor: CheckpointTensor, count: number): Float32Array {
  const { shape } = tensor;
  if (shape.length > 2 || shape.length === 0)
    throw new DatasetError("unsupported", `${path}: ${name} is [${shape.join(", ")}], expected a label a picture`, {
      file: path,
    });
  const each = shape[1] ?? 1;
  if (each !== 1)
    throw new DatasetError(
      "unsupported",
      `${path}: ${name} has ${each} labels a picture (${shape.join(" x ")}): several classes at once are not read, expected one`,
      { file: path },
    );
  if (shape[0] !== count)
    throw new DatasetError("corrupt", `${path}: ${shape[0]} ${name} for ${count} pictures`, { file: path });
  return tensor.float32();
}
