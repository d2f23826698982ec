import { type CycleOptions, checkSchedule, cycles, type Schedule, warmedUp } from "./schedule.ts";

export interface PolyOptions extends CycleOptions {
  /** 1 falls in a straight line. Default 0.5. */
  readonly power?: number;
  /** Exponent of "k-decay", https://arxiv.org/abs/2004.05909. Default 1. */
  readonly kDecay?: number;
}

/** A power of the time that is left, as timm's `PolyLRScheduler`. */
export function polySchedule(options: PolyOptions): Schedule {
  checkSchedule("polySchedule", { ...options });
  const { lr, lrMin = 0, power = 0.5, kDecay: k = 1 } = options;
  const fall = cycles(options, (position, length, peak) => {
    return lrMin + (peak - lrMin) * (1 - position ** k / length ** k) ** power;
  });
  return warmedUp(options, lr, fall);
}
