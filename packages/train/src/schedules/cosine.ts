import { type CycleOptions, checkSchedule, cycles, type Schedule, warmedUp } from "./schedule.ts";

export interface CosineOptions extends CycleOptions {
  /** Exponent of "k-decay", https://arxiv.org/abs/2004.05909. Default 1. */
  readonly kDecay?: number;
}

/** Half a cosine from `lr` to `lrMin`: "SGDR", https://arxiv.org/abs/1608.03983, as timm's `CosineLRScheduler`. */
export function cosineSchedule(options: CosineOptions): Schedule {
  checkSchedule("cosineSchedule", { ...options });
  const { lr, lrMin = 0, kDecay: k = 1 } = options;
  const fall = cycles(options, (position, length, peak) => {
    return lrMin + 0.5 * (peak - lrMin) * (1 + Math.cos((Math.PI * position ** k) / length ** k));
  });
  return warmedUp(options, lr, fall);
}
