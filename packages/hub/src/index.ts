/**
 * Names to files: the hub and its cache, folders, files, addresses and weights packages.
 * @module
 */
export * from "./browser.ts";
export {
  type CachedRepo,
  type CachedRevision,
  type CacheOptions,
  type CacheProblem,
  listCache,
  pruneCache,
  verifyCache,
} from "./cache-contents.ts";
export { type DownloadedWeights, downloadWeights, isCached } from "./download.ts";
export { openFile } from "./file-storage.ts";
export { type HubId, parseHubId } from "./hub-id.ts";
export { openWeights } from "./local.ts"; // instead of the browser's: this machine's files and packages, too
export { modelsInPackage, type PackagedModel, weightsPackage } from "./weights-package.ts";
