import { type CycleOptions, checkSchedule, cycles, type Schedule, warmedUp } from "./schedule.ts";

export interface TanhOptions extends CycleOptions {
  /** Where on the curve it begins. Default -7. */
  readonly lb?: number;
  /** Where it ends. Default 3. */
  readonly ub?: number;
}

/** A hyperbolic tangent: https://arxiv.org/abs/1806.01593, as timm's `TanhLRScheduler`. */
export function tanhSchedule({ lb = -7, ub = 3, ...options }: TanhOptions): Schedule {
  checkSchedule("tanhSchedule", { ...options });
  if (!(lb < ub)) throw new RangeError(`tanhSchedule: expected lb below ub, found ${lb} and ${ub}`);
  const { lr, lrMin = 0, warmupT = 0, warmupPrefix = false } = options;
  const fall = cycles(options, (position, length, peak) => {
    const share = position / length;
    return lrMin + 0.5 * (peak - lrMin) * (1 - Math.tanh(lb * (1 - share) + ub * share));
  });
  // timm's warm-up rises to where the curve is when it ends.
  return warmedUp(options, warmupPrefix ? lr : fall(warmupT), fall);
}
