export type { Preprocess, WeightsConfig } from "./config.ts";
export { parseConfig } from "./config.ts";
export type { HubErrorCode } from "./errors.ts";
export { HubError, isHubError } from "./errors.ts";
export { openFile } from "./file-storage.ts";
export { openWeights } from "./local.ts";
export { nearestNames } from "./nearest.ts";
export type { OpenOptions, Weights, WeightsSource } from "./weights.ts";
export { weightsPackage } from "./weights-package.ts";
