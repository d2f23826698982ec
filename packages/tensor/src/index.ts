/**
 * The one door to TensorFlow.js: every other package imports its ops, types and backends from here.
 * @module
 */
export { createRng, type Rng } from "@vitrail/random";
export { gelu, geluTanh, quickGelu } from "./activations.ts";
export { type AttentionOptions, scaledDotProductAttention } from "./attention.ts";
export {
  type BackendAttempt,
  type BackendName,
  type BackendOptions,
  type BackendReport,
  currentBackend,
  useBackend,
} from "./backend.ts";
export { type BatchNormed, batchNormTraining } from "./batch-norm.ts";
export { dropout, dropPath } from "./dropout.ts";
export { BackendError, type BackendErrorCode } from "./errors.ts";
export * from "./grads.ts";
export { layerNorm, rmsNorm } from "./norm.ts";
export * from "./ops.ts";
export { resizeBilinear } from "./resize.ts";
export type { NamedTensor, StateDict } from "./state-dict.ts";
