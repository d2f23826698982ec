import { checkSchedule, type Schedule } from "./schedule.ts";

export interface OneCycleOptions {
  readonly maxLr: number;
  /** Updates of the whole run. */
  readonly totalSteps: number;
  /** Share of the updates during which the rate rises. Default 0.3. */
  readonly pctStart?: number;
  /** Default "cos". */
  readonly annealStrategy?: "cos" | "linear";
  /** The first rate is `maxLr` divided by it. Default 25. */
  readonly divFactor?: number;
  /** The last rate is the first one divided by it. Default 1e4. */
  readonly finalDivFactor?: number;
  /** Falls to the first rate as slowly as it rose, then further; by default in one go. Default false. */
  readonly threePhase?: boolean;
}

/**
 * "Super-Convergence", https://arxiv.org/abs/1708.07120, as torch's `OneCycleLR` (with `cycle_momentum=False`), by updates.
 * @throws RangeError for an update past the end
 */
export function oneCycleSchedule({
  maxLr,
  totalSteps,
  pctStart = 0.3,
  annealStrategy = "cos",
  divFactor = 25,
  finalDivFactor = 1e4,
  threePhase = false,
}: OneCycleOptions): Schedule {
  checkSchedule("oneCycleSchedule", { lr: maxLr, totalSteps });
  if (!(pctStart >= 0 && pctStart <= 1)) {
    throw new RangeError(`oneCycleSchedule: pctStart: expected 0 to 1, found ${pctStart}`);
  }
  const first = maxLr / divFactor;
  const last = first / finalDivFactor;
  const rise = { end: pctStart * totalSteps - 1, from: first, to: maxLr };
  const phases = threePhase
    ? [
        rise,
        { end: 2 * pctStart * totalSteps - 2, from: maxLr, to: first },
        { end: totalSteps - 1, from: first, to: last },
      ]
    : [rise, { end: totalSteps - 1, from: maxLr, to: last }];

  return (step) => {
    if (step > totalSteps) throw new RangeError(`oneCycleSchedule: update ${step} of a cycle of ${totalSteps}`);
    const index = phases.findIndex(({ end }, i) => step <= end || i === phases.length - 1);
    const { end, from, to } = phases[index] as (typeof phases)[number];
    const start = index === 0 ? 0 : (phases[index - 1] as typeof rise).end;
    const share = (step - start) / (end - start);
    if (annealStrategy === "linear") return (to - from) * share + from;
    return to + ((from - to) / 2) * (Math.cos(Math.PI * share) + 1);
  };
}
