/** Datasets as they lie on disk: opening, looking over, dividing. */
export { type Copies, checkSamples, findCopies, type Overlap, overlap } from "./check.ts";
export { DatasetError, type DatasetErrorCode, isDatasetError } from "./errors.ts";
export type { ExamineOptions } from "./examiner.ts";
export { type DuplicateGroup, type Inspection, inspectDataset, type Member, type Spread } from "./inspect.ts";
export { openDataset } from "./open-dataset.ts";
export { type PictureFile, pictureFile } from "./picture-file.ts";
export { createSampleReader, type SampleReader } from "./sample.ts";
export { type SelectClassesOptions, selectClasses } from "./select-classes.ts";
export { classCounts, fraction, limit, splitOff, stream, subset } from "./split.ts";
export { assertTrainable } from "./trainable.ts";
export type {
  BadSample,
  Dataset,
  DatasetFormat,
  OpenDatasetOptions,
  Sample,
  SampleSource,
  Skipped,
  Split,
} from "./types.ts";
