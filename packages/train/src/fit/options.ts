/** What `fit` is told, and what it tells. */
import type { EngineOptions, EngineReport, Trainable } from "@vitrail/jit";
import type { EarlyStoppingOptions } from "../early-stopping.ts";
import type { Loss, TeacherOptions } from "../losses/distillation.ts";
import type { WithEmaOptions } from "../optimizers/ema.ts";
import type { Optimizer } from "../optimizers/optimizer.ts";
import type { LrPlan } from "../schedules/create.ts";
import type { Schedule } from "../schedules/schedule.ts";
import type { BatchSource } from "./data.ts";
import { TrainError } from "./errors.ts";
import type { Features } from "./features.ts";
import type { EpochReport, Progress } from "./progress.ts";
import type { Values } from "./weights.ts";

/** After each update. */
export interface StepReport {
  readonly epoch: number;
  /** Batches of the epoch that are done, of how many. */
  readonly batch: number;
  readonly batches: number;
  readonly updates: number;
  readonly lr: number;
  /** Of this update. */
  readonly loss: number;
  readonly gradNorm: number;
  /** Share of right answers in this epoch so far; undefined where classes are mixed. */
  readonly top1: number | undefined;
  /** Trained on since the program began, and per second, waiting for data included and validation not. */
  readonly images: number;
  readonly imagesPerSecond: number;
}

/** Told as it goes. What throws ends the run as an error would, its state saved. */
export interface FitCallbacks {
  /** Once, before the first step. */
  readonly onStart?: (start: { readonly engine: EngineReport; readonly progress: Progress }) => void;
  readonly onStep?: (report: StepReport) => void;
  /** During validation. */
  readonly onValidation?: (images: number, of: number) => void;
  readonly onEpoch?: (report: EpochReport) => void | Promise<void>;
  /** A state was saved. */
  readonly onCheckpoint?: (progress: Progress) => void;
}

/** Everything to go on from. */
export interface Saved {
  readonly progress: Progress;
  /** Updates, parameters, buffers and the optimiser's slots, in tfjs's layout: `param:NAME`, `SLOT:NAME`. */
  readonly state: { readonly steps: number; readonly values: Values };
}

/** Where states are kept: `openRun` gives a folder's. */
export interface Keeper {
  /** What an earlier run left, if any. */
  load(): Promise<Saved | undefined>;
  /** @throws where it cannot be written; what was kept before is then still whole */
  save(saved: Saved): Promise<void>;
  /** The best weights so far, by parameter name; told before the `save` of the same epoch. */
  saveBest(weights: Values, report: EpochReport): Promise<void>;
  /** What `saveBest` kept last. */
  loadBest(): Promise<Values | undefined>;
}

/** A model that helps another to learn: asked about each batch, or asked once about each image. */
export type Teacher = TeacherOptions & (AskedTeacher | HeardTeacher);

/** A teacher that sees what the student sees, each time. */
export interface AskedTeacher {
  readonly model: Trainable;
  /** Height and width of the images that the teacher takes. Default: the student's; others are resized bilinearly. */
  readonly imageSize?: readonly [height: number, width: number] | undefined;
  /** How the teacher's images differ from the student's: both are `(value − mean) / std` of values in 0–1. Default: not at all. */
  readonly normalisation?: {
    readonly student: { readonly mean: readonly number[]; readonly std: readonly number[] };
    readonly teacher: { readonly mean: readonly number[]; readonly std: readonly number[] };
  };
}

/**
 * A teacher that has said already what it makes of each image, however the student sees it: as in
 * "A Fast Knowledge Distillation Framework for Visual Recognition", https://arxiv.org/abs/2112.01528, with one look at an image.
 */
export interface HeardTeacher {
  /** Logits: `extractFeatures(teacher, images)`, of the images that the student learns from, in their order. */
  readonly answers: Pick<Features, "length" | "values">;
}

/** Settings of {@link fit}. */
export interface FitOptions extends EngineOptions, FitCallbacks {
  /** Its variables are what is trained: afterwards they hold the best weights. */
  readonly model: Trainable;
  readonly data: {
    /** All batches of one size. */
    readonly train: BatchSource;
    /** What decides which epoch was best. Without it the last one is. */
    readonly validation?: BatchSource | undefined;
  };
  readonly epochs: number;
  readonly optimizer: Optimizer;
  /** Default: `crossEntropy`. */
  readonly loss?: Loss;
  /** A function of the updates done, or a plan of `createSchedule`. Default: the optimiser's learning rate throughout. */
  readonly schedule?: Schedule | LrPlan;
  /** Batches whose gradients make one update. Default 1. */
  readonly accumulate?: number;
  /** Largest norm of all gradients together. Default: none. */
  readonly clipNorm?: number;
  /** Names of parameters that stay as they are. */
  readonly frozen?: (name: string) => boolean;
  /** Averages the weights, and judges and keeps the averages. */
  readonly ema?: WithEmaOptions;
  readonly teacher?: Teacher;
  /** What is better: more right answers (default) or a smaller loss on the validation images. */
  readonly monitor?: "top1" | "loss";
  /** Ends after `patience` validations in a row that were not better by `minDelta`. Default: never. */
  readonly earlyStopping?: Omit<EarlyStoppingOptions, "mode">;
  /** Validate every so many epochs, and after the last. Default 1. */
  readonly validateEvery?: number;
  /** Seeds dropout and stochastic depth; the data have a seed of their own. Default 0. */
  readonly seed?: number;
  readonly keeper?: Keeper;
  /** A state is saved after each epoch, and within one every so many seconds. Default 300. */
  readonly saveEvery?: number;
  /** Ends after the step under way, its state saved. */
  readonly signal?: AbortSignal;
}

/** What came of it. */
export interface FitResult {
  readonly ended: "epochs" | "early" | "interrupted";
  readonly progress: Progress;
  /** What ran the steps; undefined where the run had ended before. */
  readonly engine: EngineReport | undefined;
}

/** @throws TrainError "bad-option" for what can never work */
export function checkOptions(options: FitOptions): void {
  const { data, epochs, accumulate = 1, validateEvery = 1, saveEvery = 0 } = options;
  const whole = { epochs, accumulate, validateEvery };
  for (const [name, value] of Object.entries(whole)) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new TrainError("bad-option", `${name}: expected a whole number of 1 or more, found ${value}`);
    }
  }
  if (!(saveEvery >= 0)) throw new TrainError("bad-option", `saveEvery: expected seconds, found ${saveEvery}`);
  const { length, batches, batchSize } = data.train;
  if (length === 0) throw new TrainError("bad-option", "data.train: expected images, found none");
  if (batches < 1) {
    throw new TrainError("bad-option", `data.train: ${length} images do not fill one batch of ${batchSize}`);
  }
  if (data.validation?.length === 0) throw new TrainError("bad-option", "data.validation: expected images, found none");
}
