/**
 * Losses, optimisers, schedules, metrics and the training loop, in Node and in browsers.
 * @module
 */

export {
  type EarlyStopping,
  type EarlyStoppingOptions,
  type EarlyStoppingState,
  earlyStopping,
} from "./early-stopping.ts";
export { type EmaOptions, emaDecay, type NamedValues, updateEma } from "./ema.ts";
export type { Batch, BatchSource } from "./fit/data.ts";
export { TrainError, type TrainErrorCode } from "./fit/errors.ts";
export { type Answered, type EvaluateOptions, type Evaluation, evaluate } from "./fit/evaluate.ts";
export {
  type ExtractOptions,
  type Extractor,
  extractFeatures,
  type Features,
  featureBatches,
  featuresOf,
} from "./fit/features.ts";
export { fit } from "./fit/fit.ts";
export type {
  AskedTeacher,
  FitCallbacks,
  FitOptions,
  FitResult,
  HeardTeacher,
  Keeper,
  Saved,
  StepReport,
  Teacher,
} from "./fit/options.ts";
export type { EpochReport, EpochSums, Progress } from "./fit/progress.ts";
export { assignWeights, type Values, weightsOf } from "./fit/weights.ts";
export { type BinaryCrossEntropyOptions, binaryCrossEntropy } from "./losses/binary-cross-entropy.ts";
export { type CrossEntropyOptions, crossEntropy } from "./losses/cross-entropy.ts";
export {
  hardDistillation,
  type Loss,
  softDistillation,
  type TeacherOptions,
  withTeacher,
} from "./losses/distillation.ts";
export type { CalibrationBin, CalibrationReport } from "./metrics/calibration.ts";
export {
  type ClassifierMetrics,
  type ClassifierMetricsOptions,
  type ClassifierReport,
  classifierMetrics,
  topKAccuracy,
} from "./metrics/classifier.ts";
export { type Confusion, type ConfusionMatrix, mostConfused } from "./metrics/confusion.ts";
export type { ClassReport, MacroReport } from "./metrics/per-class.ts";
export { auroc, fprAtTpr } from "./metrics/ranking.ts";
export { fitTemperature, type Temperature } from "./metrics/temperature.ts";
export { type AdamWOptions, adamW } from "./optimizers/adamw.ts";
export { EMA_SLOT, type WithEmaOptions, withEma } from "./optimizers/ema.ts";
export {
  combineGroups,
  type LayerDecayOptions,
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
export { type ConfusionPlotOptions, confusionPlot } from "./run/plots/confusion-plot.ts";
export { type Curve, type LinePlotOptions, linePlot } from "./run/plots/lines.ts";
export { reliabilityPlot } from "./run/plots/reliability-plot.ts";
export { runPlots } from "./run/plots/run-plots.ts";
export { type CosineOptions, cosineSchedule } from "./schedules/cosine.ts";
export {
  type CreateScheduleOptions,
  createSchedule,
  type LrPlan,
  type RunPosition,
  type ScheduleName,
} from "./schedules/create.ts";
export { type OneCycleOptions, oneCycleSchedule } from "./schedules/one-cycle.ts";
export { type Plateau, type PlateauOptions, type PlateauState, plateau } from "./schedules/plateau.ts";
export { type PolyOptions, polySchedule } from "./schedules/poly.ts";
export type { CycleOptions, Schedule, WarmupOptions } from "./schedules/schedule.ts";
export {
  type MultiStepScheduleOptions,
  multiStepSchedule,
  type StepScheduleOptions,
  stepSchedule,
} from "./schedules/step.ts";
export { type TanhOptions, tanhSchedule } from "./schedules/tanh.ts";
