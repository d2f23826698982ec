/**
 * Parameters with their checkpoint's names and shapes, initialisers, layers, and what every model shares.
 * @module
 */
export {
  adaptInputConv,
  classesIn,
  derivedTensor,
  headDiffers,
  joinStates,
  mapState,
  stateUnder,
} from "./adapt.ts";
export { type Context, inference, type LayerCall, scoped, streamOf, trainingContext } from "./context.ts";
export { Conv2d, type Conv2dOptions } from "./conv.ts";
export { type CheckpointMismatch, isCheckpointMismatch } from "./errors.ts";
export { allButHead, allButLast } from "./freeze.ts";
export { Fusion, type FusionConfig } from "./fusion.ts";
export { fusionSpec, loadFusion } from "./fusion-spec.ts";
export { ImageNetwork } from "./image-network.ts";
export {
  constant,
  fanInUniform,
  type Init,
  kaimingNormal,
  kaimingUniform,
  normal,
  ones,
  truncNormal,
  uniform,
  zeros,
} from "./init.ts";
export { Linear, type LinearOptions } from "./linear.ts";
export { addLora, type Lora, type LoraOptions } from "./lora.ts";
export {
  adopt,
  buildHead,
  collectIntermediates,
  createModel,
  type ImageModel,
  type LoadOptions,
  loadModel,
  rebuildOn,
} from "./model.ts";
export { withModelArgs, withStatedArgs } from "./model-args.ts";
export { type Head, Identity, type Module, Sequential } from "./module.ts";
export { BatchNorm2d, GroupNorm, LayerNorm } from "./norm.ts";
export {
  initParams,
  type LowRank,
  type LowRankPlan,
  loadParams,
  type Param,
  type ParamOptions,
  type ParamStore,
  type Params,
  shareParams,
} from "./params.ts";
export { invertPermutation, permuteShape, permuteValues } from "./permute.ts";
export { avgPool, globalAvgPool, maxPool, padSides } from "./pool.ts";
export { Dropout, DropPath, dropPathRates, LayerScale } from "./regularize.ts";
export type {
  Adaptation,
  LayerOptions,
  LayerOrder,
  ModelSpec,
  PartSpec,
  Preprocess,
  WeightsSpec,
  WeightsTable,
} from "./spec.ts";
export { type Summary, type SummaryRow, summarize } from "./summarize.ts";
