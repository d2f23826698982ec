/** The moving average of a model's weights, as timm's `ModelEmaV3`. */

/** Settings of an average. timm's names and defaults. */
export interface EmaOptions {
  /** What stays of the average in each update. Default 0.9999. */
  readonly decay?: number;
  /** With `warmup`: no less. Default 0. */
  readonly minDecay?: number;
  /** Updates during which the average is the model itself. Default 0. */
  readonly updateAfterStep?: number;
  /** Lets the decay rise from 0 as 1 − (1 + n / gamma)^−power: short runs need it. Default false. */
  readonly warmup?: boolean;
  /** Default 1. */
  readonly warmupGamma?: number;
  /** Default 2/3; 3/4 for runs below a million updates. */
  readonly warmupPower?: number;
}

/**
 * What stays of the average in update `step` (from 1). The first one takes the model as it is.
 * @throws RangeError where a setting is out of range
 */
export function emaDecay(
  step: number,
  {
    decay = 0.9999,
    minDecay = 0,
    updateAfterStep = 0,
    warmup = false,
    warmupGamma = 1,
    warmupPower = 2 / 3,
  }: EmaOptions = {},
): number {
  if (!(decay >= 0 && decay < 1)) throw new RangeError(`ema: decay: expected 0 or more and below 1, found ${decay}`);
  if (!(minDecay >= 0 && minDecay <= decay)) {
    throw new RangeError(`ema: minDecay: expected 0 to the decay ${decay}, found ${minDecay}`);
  }
  if (!(warmupGamma > 0)) throw new RangeError(`ema: warmupGamma: expected more than 0, found ${warmupGamma}`);
  const n = step - updateAfterStep - 1;
  if (n <= 0) return 0;
  if (!warmup) return decay;
  return Math.max(Math.min(1 - (1 + n / warmupGamma) ** -warmupPower, decay), minDecay);
}

/** Values by name: parameters and buffers. */
export type NamedValues = Readonly<Record<string, Float32Array>>;

/**
 * One update of averages on host arrays, in place: each value in double precision, rounded once.
 * @param copied names to take over as they are (timm's `exclude_buffers`). Default: none
 * @throws RangeError where names or lengths differ
 */
export function updateEma(
  averages: NamedValues,
  values: NamedValues,
  decay: number,
  copied: (name: string) => boolean = () => false,
): void {
  for (const name of Object.keys(values)) {
    if (!averages[name]) throw new RangeError(`updateEma: ${name} is new: the averages do not have it`);
  }
  for (const [name, average] of Object.entries(averages)) {
    const value = values[name];
    if (value?.length !== average.length) {
      const found = value ? `${value.length} values` : "nothing";
      throw new RangeError(`updateEma: ${name}: expected ${average.length} values, found ${found}`);
    }
    if (decay === 0 || copied(name)) average.set(value);
    else move(average, value, 1 - decay);
  }
}

function move(average: Float32Array, value: Float32Array, share: number): void {
  for (let i = 0; i < average.length; i++) {
    const before = average[i] as number;
    average[i] = before + share * ((value[i] as number) - before);
  }
}
