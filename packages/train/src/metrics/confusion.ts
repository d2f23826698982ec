/** What a classifier takes for what. */

/** Counts of images, by class and answer. */
export interface ConfusionMatrix {
  readonly classes: number;
  /** `[classes, classes]`: row `label`, column `predicted`. */
  readonly counts: Uint32Array;
}

/** Two classes that are taken for each other: images of `label` that were answered with `predicted`. */
export interface Confusion {
  readonly label: number;
  readonly predicted: number;
  readonly count: number;
}

/** More would take more than 64 MiB. */
const MOST_CLASSES = 4096;

/** @throws RangeError above 4096 classes */
export function emptyConfusion(classes: number): ConfusionMatrix {
  if (!(Number.isInteger(classes) && classes >= 1 && classes <= MOST_CLASSES)) {
    throw new RangeError(`confusion matrix: expected 1 to ${MOST_CLASSES} classes, found ${classes}: leave it out`);
  }
  return { classes, counts: new Uint32Array(classes * classes) };
}

/** The largest entries outside of the diagonal, largest first; of equal ones the first class first. */
export function mostConfused({ classes, counts }: ConfusionMatrix, most = 10): Confusion[] {
  const wrong: Confusion[] = [];
  for (const [at, count] of counts.entries()) {
    const [label, predicted] = [Math.floor(at / classes), at % classes];
    if (count > 0 && label !== predicted) wrong.push({ label, predicted, count });
  }
  return wrong.sort((a, b) => b.count - a.count).slice(0, most);
}
