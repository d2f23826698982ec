import { checkSchedule, type Schedule, type WarmupOptions, warmedUp } from "./schedule.ts";

export interface StepScheduleOptions extends WarmupOptions {
  readonly lr: number;
  /** Time between two falls. */
  readonly decayT: number;
  /** What is left of the rate after each. Default 1. */
  readonly decayRate?: number;
}

/** Falls by the same share again and again, as timm's `StepLRScheduler`. `warmupPrefix` is true by default, as there. */
export function stepSchedule(options: StepScheduleOptions): Schedule {
  checkSchedule("stepSchedule", { ...options });
  const { lr, decayT, decayRate = 1, warmupPrefix = true } = options;
  return warmedUp({ ...options, warmupPrefix }, lr, (t) => lr * decayRate ** Math.floor(t / decayT));
}

export interface MultiStepScheduleOptions extends WarmupOptions {
  readonly lr: number;
  /** When it falls, in order. */
  readonly decayT: readonly number[];
  /** What is left of the rate after each. Default 1. */
  readonly decayRate?: number;
}

/**
 * Falls at given times, as timm's `MultiStepLRScheduler`, which falls one unit of time before each of them: at 30 the rate of
 * epoch 29 (from 0) is the lower one already.
 */
export function multiStepSchedule(options: MultiStepScheduleOptions): Schedule {
  checkSchedule("multiStepSchedule", { ...options });
  const { lr, decayT, decayRate = 1, warmupPrefix = true } = options;
  if (decayT.some((t, i) => i > 0 && !(t >= (decayT[i - 1] as number)))) {
    throw new RangeError(`multiStepSchedule: decayT: expected times in order, found ${decayT.join(", ")}`);
  }
  const passed = (t: number) => decayT.filter((when) => when <= t + 1).length;
  return warmedUp({ ...options, warmupPrefix }, lr, (t) => lr * decayRate ** passed(t));
}
