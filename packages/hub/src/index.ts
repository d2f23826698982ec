/**
 * Names to files: the hub and its cache, folders, files, addresses and weights packages.
 * @module
 */
export {
  type CachedRepo,
  type CachedRevision,
  type CacheOptions,
  type CacheProblem,
  listCache,
  pruneCache,
  verifyCache,
} from "./cache-contents.ts";
export type { Preprocess, WeightsConfig } from "./config.ts";
export { parseConfig } from "./config.ts";
export { type DownloadedWeights, downloadWeights, isCached } from "./download.ts";
export type { HubErrorCode } from "./errors.ts";
export { HubError, isHubError } from "./errors.ts";
export { openFile } from "./file-storage.ts";
export { type HubId, parseHubId } from "./hub-id.ts";
export { openWeights } from "./local.ts";
export { nearestNames } from "./nearest.ts";
export type {
  DownloadProgress,
  OpenOptions,
  PublishedWeights,
  Weights,
  WeightsInput,
  WeightsSource,
} from "./weights.ts";
export { modelsInPackage, type PackagedModel, weightsPackage } from "./weights-package.ts";
