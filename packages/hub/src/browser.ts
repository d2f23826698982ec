export type { Preprocess, WeightsConfig } from "./config.ts";
export { parseConfig } from "./config.ts";
export type { HubErrorCode } from "./errors.ts";
export { HubError, isHubError } from "./errors.ts";
export type { FetchOptions } from "./fetched.ts";
export { openWeights } from "./fetched.ts";
export { nearestNames } from "./nearest.ts";
export type { Weights, WeightsSource } from "./weights.ts";
