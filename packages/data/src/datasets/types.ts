import type { Image } from "../image.ts";

/** How a dataset lies on disk. */
export type DatasetFormat =
  /** a folder for each class, in folders for each split or without */
  | "folder"
  /** CSV, TSV or JSON lines that name a file and its class each line */
  | "manifest"
  /** tar shards as the Python package webdataset writes them */
  | "webdataset"
  /** Parquet with a column of encoded pictures, as on the Hugging Face hub */
  | "parquet"
  /** MNIST's idx files and those of its successors, gzipped or not */
  | "idx"
  /** the binary version of CIFAR-10 and CIFAR-100 */
  | "cifar"
  /** arrays of pixels and labels in a numpy archive: MedMNIST, Keras */
  | "npz";

/** Where one sample's picture is, as plain data that crosses to a worker. */
export type SampleSource =
  | { readonly kind: "file"; readonly path: string }
  /** An encoded picture inside a larger file, such as a shard. */
  | { readonly kind: "slice"; readonly path: string; readonly offset: number; readonly length: number }
  /** An encoded picture. */
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  /** A decoded picture. */
  | { readonly kind: "pixels"; readonly image: Image };

/** One sample of a {@link Split}. */
export interface Sample {
  readonly index: number;
  readonly name: string;
  readonly label: number;
  readonly source: SampleSource;
}

/** The part of a dataset that is for one purpose. */
export interface Split {
  /** `"train"`, `"val"` or `"test"`; `"all"` where the dataset has no splits. */
  readonly name: string;
  /** Samples. */
  readonly length: number;
  /** An index into the dataset's classes. */
  label(index: number): number;
  /** What people call the sample: its path below the root, `train-000000.tar/000012.jpg`, `data.parquet#12`. Unique in the split. */
  nameOf(index: number): string;
  /** Where the picture is, for any index in any order. */
  source(index: number): SampleSource | Promise<SampleSource>;
  /**
   * The samples in stored order, where that is cheaper than asking for each: every file is read once, from front to back, and what
   * is held at a time is bounded. Called by `stream`, which also goes through a split that has no such form.
   */
  stream?(): AsyncGenerator<Sample, void, undefined>;
}

/** A sample that cannot be read or decoded. */
export interface BadSample {
  readonly index: number;
  readonly name: string;
  readonly reason: string;
}

/** What was passed over. */
export interface Skipped {
  /** A path below the dataset's root, or the name of a class. */
  readonly name: string;
  readonly reason: string;
}

/** Pictures with labels, in splits. */
export interface Dataset {
  readonly format: DatasetFormat;
  /** The folder (or the file) that was opened, absolute. */
  readonly root: string;
  /**
   * What labels are indices into. By name as torchvision sorts (1, 10, 2), the training split's; where a format numbers its classes
   * itself (Parquet, CIFAR, shards with `classes.txt`), by those numbers.
   */
  readonly classes: readonly string[];
  /** By name, in the order train, val, test. */
  readonly splits: ReadonlyMap<string, Split>;
  /** Hidden and system files, files that are no pictures, empty classes: what was passed over, and why. */
  readonly skipped: readonly Skipped[];
  /** Closes open files and removes what was put aside for random access. Safe to call twice. */
  dispose(): Promise<void>;
}

/** How a dataset is opened. */
export interface OpenDatasetOptions {
  /**
   * The classes in the order of a model that exists already. Labels become indices into these; a class of the dataset that is not
   * among them is an error. Default: the dataset's own.
   */
  readonly classes?: readonly string[] | undefined;
  /** Read as this format, not by what is on disk. */
  readonly format?: DatasetFormat | undefined;
  /** A manifest's or a Parquet file's column of pictures, where its name is none of the usual ones. */
  readonly imageColumn?: string | undefined;
  /** The column of labels. In CIFAR-100 `"coarse"` takes the 20 superclasses. */
  readonly labelColumn?: string | undefined;
  /** What happens where a manifest names a file that is not there: an error, or the line is passed over and listed. Default `"fail"`. */
  readonly missing?: "fail" | "skip" | undefined;
}
