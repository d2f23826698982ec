/** Datasets as they lie on disk: opening, looking over, dividing. */
export { DatasetError, type DatasetErrorCode, isDatasetError } from "./errors.ts";
export { openDataset } from "./open-dataset.ts";
export { createSampleReader, type SampleReader } from "./sample.ts";
export { classCounts, limit, splitOff, stream, subset } from "./split.ts";
export { assertTrainable } from "./trainable.ts";
export type {
  Dataset,
  DatasetFormat,
  OpenDatasetOptions,
  Sample,
  SampleSource,
  Skipped,
  Split,
} from "./types.ts";
