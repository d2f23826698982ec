/** When a run has learned what it will learn. */

export interface EarlyStoppingOptions {
  /** Epochs without improvement that are borne. */
  readonly patience: number;
  /** What counts as an improvement. Default 0. */
  readonly minDelta?: number;
  /** Whether a smaller or a larger metric is better. Default "max". */
  readonly mode?: "min" | "max";
}

/** What it remembers; plain data, for a checkpoint. */
export interface EarlyStoppingState {
  /** Best metric so far; null before the first. */
  readonly best: number | null;
  /** The epoch that brought it. */
  readonly bestEpoch: number | null;
  readonly badEpochs: number;
  readonly stop: boolean;
}

/** A pure function from state to state. */
export interface EarlyStopping {
  readonly initial: EarlyStoppingState;
  /** After an epoch and its metric. A metric that is no number is no improvement. */
  next(state: EarlyStoppingState, epoch: number, metric: number): EarlyStoppingState;
}

/** Stops once `patience` epochs in a row have brought nothing, as Keras' and Lightning's `EarlyStopping`. */
export function earlyStopping({ patience, minDelta = 0, mode = "max" }: EarlyStoppingOptions): EarlyStopping {
  if (!(Number.isInteger(patience) && patience >= 1)) {
    throw new RangeError(`earlyStopping: patience: expected a whole number of 1 or more, found ${patience}`);
  }
  if (!(minDelta >= 0)) throw new RangeError(`earlyStopping: minDelta: expected 0 or more, found ${minDelta}`);
  const better = (metric: number, best: number | null): boolean => {
    if (best === null) return !Number.isNaN(metric);
    return mode === "min" ? metric < best - minDelta : metric > best + minDelta;
  };
  return {
    initial: { best: null, bestEpoch: null, badEpochs: 0, stop: false },
    next(state, epoch, metric) {
      if (better(metric, state.best)) return { best: metric, bestEpoch: epoch, badEpochs: 0, stop: false };
      const badEpochs = state.badEpochs + 1;
      return { ...state, badEpochs, stop: badEpochs >= patience };
    },
  };
}
