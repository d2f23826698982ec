/** How well a score tells one kind of image from another: the known from the unknown. */

/**
 * Area under the ROC curve: how probably a positive scores above a negative, ties counting half. Exact; O(N log N).
 * @throws RangeError where there are none of either, or a score is no number
 */
export function auroc(positives: ArrayLike<number>, negatives: ArrayLike<number>): number {
  const [above, below] = [sorted("auroc: positives", positives), sorted("auroc: negatives", negatives)];
  let [wins, lower, upper] = [0, 0, 0]; // negatives below the score, and those up to it
  for (const score of above) {
    while (lower < below.length && (below[lower] as number) < score) lower++;
    upper = Math.max(upper, lower);
    while (upper < below.length && (below[upper] as number) <= score) upper++;
    wins += (lower + upper) / 2;
  }
  return wins / (above.length * below.length);
}

/** The share of negatives that pass where at least `tpr` of the positives do: FPR@95 of the open-set literature. */
export function fprAtTpr(positives: ArrayLike<number>, negatives: ArrayLike<number>, tpr = 0.95): number {
  if (!(tpr > 0 && tpr <= 1)) throw new RangeError(`fprAtTpr: expected a share above 0, up to 1, found ${tpr}`);
  const [above, below] = [sorted("fprAtTpr: positives", positives), sorted("fprAtTpr: negatives", negatives)];
  // 0.95 * 20 is 19 and may not become 20 by rounding.
  const passing = Math.ceil(tpr * above.length - 1e-9);
  const threshold = above[above.length - passing] as number;
  return below.filter((score) => score >= threshold).length / below.length;
}

function sorted(name: string, scores: ArrayLike<number>): Float64Array {
  if (scores.length === 0) throw new RangeError(`${name}: expected scores, found none`);
  const values = Float64Array.from(scores).sort();
  if (Number.isNaN(values.at(-1))) throw new RangeError(`${name}: expected scores, found NaN`);
  return values;
}
