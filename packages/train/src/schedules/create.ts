import { cosineSchedule } from "./cosine.ts";
import { oneCycleSchedule } from "./one-cycle.ts";
import { type PlateauState, plateau } from "./plateau.ts";
import { polySchedule } from "./poly.ts";
import { type CycleOptions, cycleEnd, type Schedule } from "./schedule.ts";
import { multiStepSchedule, stepSchedule } from "./step.ts";
import { tanhSchedule } from "./tanh.ts";

/** timm's schedules by its names, torch's one-cycle, and a rate that stays. */
export type ScheduleName = "cosine" | "tanh" | "poly" | "step" | "multistep" | "plateau" | "onecycle" | "none";

/** The arguments of timm's `create_scheduler_v2`, with its defaults; times in epochs. */
export interface CreateScheduleOptions {
  /** Default "cosine". */
  readonly sched?: ScheduleName;
  readonly lr: number;
  /** Of the first cycle. Default 300. */
  readonly epochs?: number;
  /** Whether the rate moves with every update, not with every epoch. Default false; always with "onecycle". */
  readonly schedOnUpdates?: boolean;
  /** Needed where the rate moves with every update. */
  readonly updatesPerEpoch?: number;
  /** Default 0. */
  readonly minLr?: number;
  /** Default 1e-5. */
  readonly warmupLr?: number;
  /** Default 0. Of "onecycle" the rise, which by default takes 0.3 of the time. */
  readonly warmupEpochs?: number;
  /** Whether the schedule begins after the warm-up, and the run is longer by it. Default false. */
  readonly warmupPrefix?: boolean;
  /** At `minLr`, after the last cycle. Default 0. */
  readonly cooldownEpochs?: number;
  /** Of "step". Default 90. */
  readonly decayEpochs?: number;
  /** Of "multistep". Default 90, 180 and 270. */
  readonly decayMilestones?: readonly number[];
  /** Of "step", "multistep" and "plateau"; of "poly" it is the power. Default 0.1. */
  readonly decayRate?: number;
  /** Of "plateau". Default 10. */
  readonly patienceEpochs?: number;
  /** Of "plateau": whether a smaller or a larger metric is better. Default "max". */
  readonly plateauMode?: "min" | "max";
  /** Default 1. */
  readonly lrCycleMul?: number;
  /** Default 0.1. */
  readonly lrCycleDecay?: number;
  /** Default 1. */
  readonly lrCycleLimit?: number;
  /** Default 1. */
  readonly lrKDecay?: number;
}

/** Where a run stands. */
export interface RunPosition {
  /** Epochs done. */
  readonly epoch: number;
  /** Updates done, in all epochs. */
  readonly update: number;
}

/** A run's learning rates. All but a plateau's follow from the position alone; a plateau's state is plain data. */
export interface LrPlan {
  /** Epochs of the run, with all cycles, the cooling down, and a warm-up that is a prefix. */
  readonly epochs: number;
  readonly initial: PlateauState | null;
  /** The rate of the next update. */
  lr(position: RunPosition, state: PlateauState | null): number;
  /** The state after an epoch: how many are done, and the metric that it brought. */
  afterEpoch(state: PlateauState | null, epochs: number, metric: number | undefined): PlateauState | null;
}

/**
 * The learning rates of a run, as timm's `create_scheduler_v2` plans them, without its noise.
 * @throws RangeError where a setting is out of range or missing
 */
export function createSchedule(options: CreateScheduleOptions): LrPlan {
  const { sched = "cosine", lr, epochs = 300, minLr = 0, warmupLr = 1e-5, warmupEpochs = 0, decayRate = 0.1 } = options;
  const onUpdates = sched === "onecycle" || (options.schedOnUpdates ?? false);
  const unit = onUpdates ? updatesOf(options) : 1;
  const warmup = {
    warmupT: warmupEpochs * unit,
    warmupLrInit: warmupLr,
    warmupPrefix: options.warmupPrefix ?? false,
  };
  const cycle: CycleOptions = {
    lr,
    tInitial: epochs * unit,
    lrMin: minLr,
    cycleMul: options.lrCycleMul ?? 1,
    cycleDecay: options.lrCycleDecay ?? 0.1,
    cycleLimit: options.lrCycleLimit ?? 1,
    ...warmup,
  };
  const withCooldown = Math.floor((cycleEnd(cycle) + (options.cooldownEpochs ?? 0) * unit) / unit);
  const withPrefix = epochs + (warmup.warmupPrefix ? warmupEpochs : 0);
  const planned = (length: number, schedule: Schedule): LrPlan => ({
    epochs: length,
    initial: null,
    lr: ({ epoch, update }) => schedule(onUpdates ? update : epoch),
    afterEpoch: (state) => state,
  });

  switch (sched) {
    case "cosine":
      return planned(withCooldown, cosineSchedule({ ...cycle, kDecay: options.lrKDecay ?? 1 }));
    case "tanh":
      return planned(withCooldown, tanhSchedule(cycle));
    case "poly":
      return planned(withCooldown, polySchedule({ ...cycle, power: decayRate, kDecay: options.lrKDecay ?? 1 }));
    case "step": {
      const decayT = (options.decayEpochs ?? 90) * unit;
      return planned(withPrefix, stepSchedule({ lr, decayT, decayRate, ...warmup }));
    }
    case "multistep": {
      const decayT = (options.decayMilestones ?? [90, 180, 270]).map((epoch) => epoch * unit);
      return planned(withPrefix, multiStepSchedule({ lr, decayT, decayRate, ...warmup }));
    }
    case "onecycle": {
      const pctStart = warmupEpochs > 0 ? warmupEpochs / epochs : 0.3;
      return planned(epochs, oneCycleSchedule({ maxLr: lr, totalSteps: epochs * unit, pctStart }));
    }
    case "plateau": {
      if (onUpdates) throw new RangeError("createSchedule: a plateau moves with epochs: leave schedOnUpdates out");
      const { patienceEpochs: patienceT = 10, plateauMode: mode = "max" } = options;
      const rule = plateau({ lr, decayRate, patienceT, lrMin: minLr, mode, ...warmup });
      return {
        epochs: withPrefix,
        initial: rule.initial,
        lr: (_position, state) => (state ?? rule.initial).lr,
        afterEpoch: (state, done, metric) => rule.next(state ?? rule.initial, done, metric),
      };
    }
    case "none":
      return planned(epochs, () => lr);
    default: {
      const known = "cosine, tanh, poly, step, multistep, plateau, onecycle or none";
      throw new RangeError(`createSchedule: sched: expected ${known}, found ${sched satisfies never}`);
    }
  }
}

function updatesOf({ updatesPerEpoch }: CreateScheduleOptions): number {
  if (updatesPerEpoch !== undefined && updatesPerEpoch > 0) return updatesPerEpoch;
  const found = updatesPerEpoch ?? "nothing";
  throw new RangeError(
    `createSchedule: updatesPerEpoch: expected more than 0, found ${found}: the rate moves with updates`,
  );
}
