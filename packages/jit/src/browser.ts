/**
 * Traces a tfjs function once and runs it through onnxruntime-web, in a worker: the same as in Node without the file system.
 * @module
 */
export {
  type Compiled,
  type CompileOptions,
  compile,
  type HostValue,
  type InputShape,
  type Traceable,
} from "./compile.ts";
export { type Agreement, wilsonInterval } from "./compress/agreement.ts";
export { quantize } from "./compress/index.ts";
export type { Int8Mode } from "./compress/int8.ts";
export type { Batches, QuantizeOptions } from "./compress/quantize.ts";
export { type Precision, Quantized, type QuantizeReport } from "./compress/quantized.ts";
export { JitError, type JitErrorCode } from "./errors.ts";
export type { DType } from "./ir.ts";
export {
  type EngineAttempt,
  type EngineName,
  type EngineOptions,
  type EngineReport,
  engineTitle,
  type ProviderName,
  warmUp,
} from "./runtime/engine.ts";
export {
  type CompiledStep,
  compileStep,
  type StepOptions,
  type StepPart,
  type StepResult,
  type StepSettings,
  type StepState,
} from "./step.ts";
export type { StepLoss, StepOptimizer, StepPlan, Trainable } from "./step-function.ts";
export { hostTensors, type InputSpec, type TraceResult } from "./trace.ts";
