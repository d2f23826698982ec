/**
 * Losses and optimisers, equal to PyTorch's step by step, as pure functions.
 * @module
 */
export { type EmaOptions, emaDecay, type NamedValues, updateEma } from "./ema.ts";
export { type BinaryCrossEntropyOptions, binaryCrossEntropy } from "./losses/binary-cross-entropy.ts";
export { type CrossEntropyOptions, crossEntropy } from "./losses/cross-entropy.ts";
export {
  hardDistillation,
  type Loss,
  softDistillation,
  type TeacherOptions,
  withTeacher,
} from "./losses/distillation.ts";
export { type AdamWOptions, adamW } from "./optimizers/adamw.ts";
export { EMA_SLOT, type WithEmaOptions, withEma } from "./optimizers/ema.ts";
export {
  combineGroups,
  type LayerDecayOptions,
  type Layers,
  layerDecay,
  noDecayForVectors,
} from "./optimizers/groups.ts";
export { type LambOptions, lamb } from "./optimizers/lamb.ts";
export { type LionOptions, lion } from "./optimizers/lion.ts";
export type {
  Group,
  GroupOf,
  Optimizer,
  OptimizerOptions,
  Scalars,
  Slots,
} from "./optimizers/optimizer.ts";
export { type SgdOptions, sgd } from "./optimizers/sgd.ts";
export { initialState, type Named, type OptimizerState, optimizerStep } from "./optimizers/step.ts";
