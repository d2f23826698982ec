export type { Preprocess, WeightsConfig } from "./config.ts";
export { parseConfig } from "./config.ts";
export type { HubErrorCode } from "./errors.ts";
export { HubError, isHubError } from "./errors.ts";
export { openWeights } from "./fetched.ts";
export { nearestNames } from "./nearest.ts";
export type {
  DownloadProgress,
  OpenOptions,
  PublishedWeights,
  Weights,
  WeightsInput,
  WeightsSource,
} from "./weights.ts";
