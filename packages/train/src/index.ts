/**
 * Losses, optimisers, schedules, metrics, the training loop, and runs on disk: this is the entry for Node, browsers get
 * `browser.ts` through the package's export conditions.
 * @module
 */
export * from "./browser.ts";
export { type ModelCardFacts, modelCard } from "./run/card.ts";
export { assertNoRun, openRun, RUN_FILES, type RunFolder, type RunOptions } from "./run/folder.ts";
export { type JsonLines, readJsonLines } from "./run/json-lines.ts";
export {
  type ConcludeOptions,
  type Conclusion,
  concludeRun,
  type Picture,
  RECORD_FILES,
  recordRun,
} from "./run/record.ts";
export type { EventImage, RunEvent } from "./run/tensorboard/event.ts";
export { type EventFile, type EventFileOptions, openEventFile } from "./run/tensorboard/event-file.ts";
