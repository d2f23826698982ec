import type { DatasetFormat, OpenDatasetOptions, Skipped, Split } from "./types.ts";

/** What a reader of one format gives. */
export interface Opened {
  readonly format: DatasetFormat;
  readonly classes: readonly string[];
  readonly splits: readonly Split[];
  dispose?(): Promise<void>;
}

/** What a reader of one format is given. */
export interface Opening {
  /** The dataset's folder, absolute; of a dataset in one file, the file's. */
  readonly root: string;
  readonly options: OpenDatasetOptions;
  /** What is passed over is added here. */
  readonly skipped: Skipped[];
}

/** A file of a dataset that belongs to one split. */
export interface Part {
  /** Below the root, with slashes. */
  readonly path: string;
  readonly split: string;
}
