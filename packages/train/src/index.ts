/**
 * Losses and optimisers, equal to PyTorch's step by step, as pure functions.
 * @module
 */
export { type AdamWOptions, adamW } from "./adamw.ts";
export { type CrossEntropyOptions, crossEntropy } from "./loss.ts";
export {
  type Group,
  noDecayForVectors,
  type Optimizer,
  type OptimizerOptions,
  type Scalars,
  type Slots,
} from "./optimizer.ts";
export { type SgdOptions, sgd } from "./sgd.ts";
export { initialState, type Named, type OptimizerState, optimizerStep } from "./step.ts";
