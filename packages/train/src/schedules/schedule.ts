/** What schedules share: timm's warm-up and its cycles. */

/** The learning rate at `t`: after so many epochs, or after so many updates, as the schedule's own settings count. */
export type Schedule = (t: number) => number;

/** A linear rise at the beginning. timm's names and defaults; times in the schedule's own unit. */
export interface WarmupOptions {
  /** How long. Default 0. */
  readonly warmupT?: number;
  /** Where it begins. Default 0. */
  readonly warmupLrInit?: number;
  /** Whether the schedule begins after it, not under it. */
  readonly warmupPrefix?: boolean;
}

/** Settings of schedules that fall to `lrMin`, again and again where `cycleLimit` says so. */
export interface CycleOptions extends WarmupOptions {
  /** The rate that the schedule starts from. */
  readonly lr: number;
  /** Length of the first cycle. */
  readonly tInitial: number;
  /** Default 0. */
  readonly lrMin?: number;
  /** How much longer each cycle is than the one before. Default 1. */
  readonly cycleMul?: number;
  /** What each cycle's rate is of that of the one before. Default 1. */
  readonly cycleDecay?: number;
  /** How many there are; `lrMin` from then on. Default 1. */
  readonly cycleLimit?: number;
}

/** @throws RangeError where a rate or a time is out of range */
export function checkSchedule(
  name: string,
  { lr, ...times }: { readonly lr: number; readonly [time: string]: unknown },
): void {
  if (!(lr >= 0 && lr < Number.POSITIVE_INFINITY)) throw new RangeError(`${name}: lr: expected 0 or more, found ${lr}`);
  for (const [key, value] of Object.entries(times)) {
    if (typeof value !== "number") continue;
    const least = key === "tInitial" || key === "decayT" || key === "totalSteps" ? "more than 0" : "0 or more";
    if (!(least === "0 or more" ? value >= 0 : value > 0)) {
      throw new RangeError(`${name}: ${key}: expected ${least}, found ${value}`);
    }
  }
}

/**
 * The rise to `reached`, then `after`. timm hands over in one of two ways: the schedule's clock runs from 0, or from the
 * warm-up's end.
 */
export function warmedUp(
  { warmupT = 0, warmupLrInit = 0, warmupPrefix = false }: WarmupOptions,
  reached: number,
  after: Schedule,
): Schedule {
  const rise = warmupT === 0 ? 0 : (reached - warmupLrInit) / warmupT;
  return (t) => (t < warmupT ? warmupLrInit + t * rise : after(warmupPrefix ? t - warmupT : t));
}

/** Repeats one fall: `shape(position, length, peak)` is the rate within a cycle of that length that starts at that peak. */
export function cycles(
  { lr, tInitial, lrMin = 0, cycleMul = 1, cycleDecay = 1, cycleLimit = 1 }: CycleOptions,
  shape: (position: number, length: number, peak: number) => number,
): Schedule {
  return (t) => {
    const { cycle, length, position } = cycleAt(t, tInitial, cycleMul);
    return cycle < cycleLimit ? shape(position, length, lr * cycleDecay ** cycle) : lrMin;
  };
}

function cycleAt(t: number, tInitial: number, mul: number) {
  if (mul === 1) {
    const cycle = Math.floor(t / tInitial);
    return { cycle, length: tInitial, position: t - tInitial * cycle };
  }
  const cycle = Math.floor(Math.log(1 - (t / tInitial) * (1 - mul)) / Math.log(mul));
  return {
    cycle,
    length: mul ** cycle * tInitial,
    position: t - ((1 - mul ** cycle) / (1 - mul)) * tInitial,
  };
}

/** When the last cycle ends, the warm-up before it included where it is a prefix: timm's `get_cycle_length`. */
export function cycleEnd({
  tInitial,
  cycleMul = 1,
  cycleLimit = 1,
  warmupT = 0,
  warmupPrefix = false,
}: Omit<CycleOptions, "lr">): number {
  const count = Math.max(1, cycleLimit);
  const t = cycleMul === 1 ? tInitial * count : Math.floor((-tInitial * (cycleMul ** count - 1)) / (1 - cycleMul));
  return warmupPrefix ? t + warmupT : t;
}
