/** Precision, recall and F1 of each class, with sklearn's conventions. */

/** One class against all others. A share of nothing is 0. */
export interface ClassReport {
  /** Images of this class. */
  readonly support: number;
  /** Images that were taken for it. */
  readonly predicted: number;
  /** Images of it that were taken for it. */
  readonly correct: number;
  /** correct / predicted */
  readonly precision: number;
  /** correct / support: what people call a class's accuracy. */
  readonly recall: number;
  /** Harmonic mean of precision and recall. */
  readonly f1: number;
}

/** Means over the classes, each counting the same. */
export interface MacroReport {
  /** Over the classes that have images or were answered, as `precision_score(average="macro")`. */
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Mean recall over the classes that have images, as `balanced_accuracy_score`. */
  readonly balancedAccuracy: number;
}

/** How often each class is right, is answered, and both. */
export interface ClassCounts {
  readonly support: Float64Array;
  readonly predicted: Float64Array;
  readonly correct: Float64Array;
}

export function emptyCounts(classes: number): ClassCounts {
  const zeros = () => new Float64Array(classes);
  return { support: zeros(), predicted: zeros(), correct: zeros() };
}

const share = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);

export function reportClasses({ support, predicted, correct }: ClassCounts): ClassReport[] {
  return Array.from(support, (images, k) => {
    const [right, answered] = [correct[k] as number, predicted[k] as number];
    return {
      support: images,
      predicted: answered,
      correct: right,
      precision: share(right, answered),
      recall: share(right, images),
      f1: share(2 * right, images + answered),
    };
  });
}

export function macroOf(classes: readonly ClassReport[]): MacroReport {
  const met = classes.filter(({ support, predicted }) => support > 0 || predicted > 0);
  const present = classes.filter(({ support }) => support > 0);
  const mean = (of: readonly ClassReport[], key: "precision" | "recall" | "f1") =>
    share(
      of.reduce((sum, one) => sum + one[key], 0),
      of.length,
    );
  return {
    precision: mean(met, "precision"),
    recall: mean(met, "recall"),
    f1: mean(met, "f1"),
    balancedAccuracy: mean(present, "recall"),
  };
}
