import { addAnswer, type CalibrationReport, emptyCalibration, reportCalibration } from "./calibration.ts";
import { type ConfusionMatrix, emptyConfusion } from "./confusion.ts";
import { type ClassReport, emptyCounts, type MacroReport, macroOf, reportClasses } from "./per-class.ts";
import { answerOf, forEachRow, rankOf } from "./row.ts";

export interface ClassifierMetricsOptions {
  /** Length of the logits. */
  readonly classes: number;
  /** Of the calibration. Default 15. */
  readonly bins?: number;
  /** Whether to count what is taken for what. Default: up to 1000 classes. */
  readonly confusion?: boolean;
  /** Divides the logits before they become probabilities: a fitted temperature. Default 1. */
  readonly temperature?: number;
}

/** What a classifier's answers are worth. Shares are fractions. */
export interface ClassifierReport {
  readonly images: number;
  /** Mean cross-entropy (negative log-likelihood), in nats. */
  readonly loss: number;
  readonly top1: number;
  /** 1 where there are no more than five classes. */
  readonly top5: number;
  readonly perClass: readonly ClassReport[];
  readonly macro: MacroReport;
  readonly calibration: CalibrationReport;
  readonly confusion?: ConfusionMatrix;
}

/** Takes answers batch by batch, or one by one; what it holds depends on the number of classes alone. */
export interface ClassifierMetrics {
  /**
   * @param logits [N, K]; not kept
   * @param labels [N]
   * @throws RangeError where they do not fit, or logits are no numbers
   */
  add(logits: Float32Array, labels: ArrayLike<number>): void;
  report(): ClassifierReport;
}

/** Everything that is usually asked of a classifier, in one pass over its answers and bounded memory. */
export function classifierMetrics({
  classes,
  bins = 15,
  confusion = classes <= 1000,
  temperature = 1,
}: ClassifierMetricsOptions): ClassifierMetrics {
  if (!(temperature > 0)) {
    throw new RangeError(`classifierMetrics: temperature: expected more than 0, found ${temperature}`);
  }
  const counts = emptyCounts(classes);
  const calibration = emptyCalibration(bins);
  const matrix = confusion ? emptyConfusion(classes) : undefined;
  let [images, loss, top1, top5] = [0, 0, 0, 0];

  const addRow = (logits: Float32Array, label: number): void => {
    const row = temperature === 1 ? logits : Float64Array.from(logits, (value) => value / temperature);
    const rank = rankOf(logits, label);
    const answer = answerOf(row, label);
    const { predicted } = answer;
    images++;
    loss += answer.loss;
    if (rank < 1) top1++;
    if (rank < 5) top5++;
    (counts.support[label] as number)++;
    (counts.predicted[predicted] as number)++;
    if (predicted === label) (counts.correct[label] as number)++;
    if (matrix) (matrix.counts[label * classes + predicted] as number)++;
    addAnswer(calibration, answer.confidence, predicted === label);
  };

  return {
    add: (logits, labels) => forEachRow("classifierMetrics", classes, logits, labels, addRow),
    report() {
      const perClass = reportClasses(counts);
      const share = (sum: number) => (images === 0 ? 0 : sum / images);
      return {
        images,
        loss: share(loss),
        top1: share(top1),
        top5: share(top5),
        perClass,
        macro: macroOf(perClass),
        calibration: reportCalibration(calibration),
        ...(matrix ? { confusion: { classes, counts: matrix.counts.slice() } } : {}),
      };
    },
  };
}

/** The share of images whose class is among the `k` most probable ones; of equal logits the first class comes first. */
export function topKAccuracy(logits: Float32Array, labels: ArrayLike<number>, k = 1): number {
  if (!(Number.isInteger(k) && k >= 1)) {
    throw new RangeError(`topKAccuracy: k: expected a whole number of 1 or more, found ${k}`);
  }
  const classes = logits.length / labels.length;
  let right = 0;
  forEachRow("topKAccuracy", classes, logits, labels, (row, label) => {
    if (rankOf(row, label) < k) right++;
  });
  return right / labels.length;
}
