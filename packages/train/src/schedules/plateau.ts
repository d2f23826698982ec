/** Learning rates that fall when a metric no longer improves. */

export interface PlateauOptions {
  readonly lr: number;
  /** What is left of the rate after each fall. Default 0.1. */
  readonly decayRate?: number;
  /** Epochs without improvement that are borne. Default 10. */
  readonly patienceT?: number;
  /** Share by which a metric must beat the best one. Default 1e-4. */
  readonly threshold?: number;
  /** Epochs after a fall during which nothing counts. Default 0. */
  readonly cooldownT?: number;
  /** Default 0. */
  readonly lrMin?: number;
  /** Whether a smaller or a larger metric is better. Default "max". */
  readonly mode?: "min" | "max";
  /** Epochs of a linear rise at the beginning. Default 0. */
  readonly warmupT?: number;
  /** Where it begins. Default 0. */
  readonly warmupLrInit?: number;
}

/** What a plateau remembers; plain data, for a checkpoint. */
export interface PlateauState {
  /** The rate of the coming epoch. */
  readonly lr: number;
  /** Best metric so far; null before the first. */
  readonly best: number | null;
  readonly badEpochs: number;
  /** Epochs of cooling down that are left. */
  readonly cooldown: number;
}

/** timm's `PlateauLRScheduler`, around torch's `ReduceLROnPlateau`, as a pure function from state to state. */
export interface Plateau {
  readonly initial: PlateauState;
  /**
   * After an epoch.
   * @param epochs how many are done
   * @param metric what they brought; undefined leaves all as it is
   */
  next(state: PlateauState, epochs: number, metric: number | undefined): PlateauState;
}

/** Falls smaller than this are none, as in torch. */
const EPS = 1e-8;

export function plateau({
  lr,
  decayRate = 0.1,
  patienceT = 10,
  threshold = 1e-4,
  cooldownT = 0,
  lrMin = 0,
  mode = "max",
  warmupT = 0,
  warmupLrInit = 0,
}: PlateauOptions): Plateau {
  if (!(decayRate > 0 && decayRate < 1)) {
    throw new RangeError(`plateau: decayRate: expected more than 0 and below 1, found ${decayRate}`);
  }
  const better = (metric: number, best: number | null): boolean => {
    if (best === null) return !Number.isNaN(metric);
    return mode === "min" ? metric < best * (1 - threshold) : metric > best * (1 + threshold);
  };
  return {
    initial: { lr: warmupT > 0 ? warmupLrInit : lr, best: null, badEpochs: 0, cooldown: 0 },
    next(state, epochs, metric) {
      if (epochs <= warmupT) {
        return warmupT === 0 ? state : { ...state, lr: warmupLrInit + epochs * ((lr - warmupLrInit) / warmupT) };
      }
      if (metric === undefined) return state;
      const improved = better(metric, state.best);
      const best = improved ? metric : state.best;
      const cooling = state.cooldown > 0;
      const badEpochs = improved || cooling ? 0 : state.badEpochs + 1;
      const cooldown = cooling ? state.cooldown - 1 : 0;
      if (badEpochs <= patienceT) return { lr: state.lr, best, badEpochs, cooldown };
      const lower = Math.max(state.lr * decayRate, lrMin);
      return { lr: state.lr - lower > EPS ? lower : state.lr, best, badEpochs: 0, cooldown: cooldownT };
    },
  };
}
