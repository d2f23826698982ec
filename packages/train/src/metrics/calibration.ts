/** Whether 80 % sure is right in 80 % of the cases: "On Calibration of Modern Neural Networks", https://arxiv.org/abs/1706.04599. */

/** The answers whose probability lies in (from, to]. */
export interface CalibrationBin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  /** Mean probability of the answers; 0 where there are none. */
  readonly confidence: number;
  /** Share of them that is right; 0 where there are none. */
  readonly accuracy: number;
}

export interface CalibrationReport {
  /** Expected calibration error: the bins' gaps, weighed by their counts. */
  readonly ece: number;
  /** The largest gap of a bin. */
  readonly mce: number;
  readonly bins: readonly CalibrationBin[];
}

/** Sums by bin: takes the answers one by one, however many. */
export interface CalibrationCounts {
  readonly count: Float64Array;
  readonly confidence: Float64Array;
  readonly correct: Float64Array;
}

export function emptyCalibration(bins: number): CalibrationCounts {
  if (!(Number.isInteger(bins) && bins >= 1)) {
    throw new RangeError(`calibration: bins: expected a whole number of 1 or more, found ${bins}`);
  }
  const zeros = () => new Float64Array(bins);
  return { count: zeros(), confidence: zeros(), correct: zeros() };
}

export function addAnswer(counts: CalibrationCounts, confidence: number, correct: boolean): void {
  const bins = counts.count.length;
  const near = Math.min(bins - 1, Math.floor(confidence * bins));
  // Bins are closed above: 0.7 of ten bins belongs to the one that ends there, whatever 0.7 * 10 rounds to.
  const bin = near > 0 && confidence <= near / bins ? near - 1 : near;
  (counts.count[bin] as number)++;
  (counts.confidence[bin] as number) += confidence;
  if (correct) (counts.correct[bin] as number)++;
}

export function reportCalibration(counts: CalibrationCounts): CalibrationReport {
  const total = counts.count.reduce((a, b) => a + b, 0);
  const bins = Array.from(counts.count, (count, i): CalibrationBin => {
    const share = (sum: Float64Array) => (count === 0 ? 0 : (sum[i] as number) / count);
    return {
      from: i / counts.count.length,
      to: (i + 1) / counts.count.length,
      count,
      confidence: share(counts.confidence),
      accuracy: share(counts.correct),
    };
  });
  const gaps = bins.map(({ accuracy, confidence }) => Math.abs(accuracy - confidence));
  const ece = total === 0 ? 0 : bins.reduce((sum, { count }, i) => sum + (count / total) * (gaps[i] as number), 0);
  return { ece, mce: Math.max(...gaps), bins };
}
