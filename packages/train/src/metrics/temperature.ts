import { forEachRow } from "./row.ts";

export interface Temperature {
  /** Divide logits by it. */
  readonly temperature: number;
  /** Mean cross-entropy before and after, in nats. */
  readonly before: number;
  readonly after: number;
  /** Where the answers have no best temperature (all are right, or they are worth less than chance) it ends at a bound. */
  readonly atBound: boolean;
}

/** A temperature outside of it says that there is none. */
const BOUNDS = [0.01, 100] as const;

/**
 * Temperature scaling: the one number that makes a classifier's probabilities honest, by the least cross-entropy on images
 * that it was not trained on. "On Calibration of Modern Neural Networks", https://arxiv.org/abs/1706.04599. In β = 1/T the
 * loss is convex: Newton's steps, within a bracket that bisection shrinks where they leave it, until ten digits stand.
 * @param logits [N, K]
 * @param labels [N]
 * @throws RangeError where they do not fit, or there are none
 */
export function fitTemperature(logits: Float32Array, labels: ArrayLike<number>): Temperature {
  if (labels.length === 0) throw new RangeError("fitTemperature: expected images, found none");
  const classes = logits.length / labels.length;
  const at = (beta: number) => {
    let [loss, slope, curvature] = [0, 0, 0];
    forEachRow("fitTemperature", classes, logits, labels, (row, label) => {
      const one = momentsOf(row, label, beta);
      loss += one.loss;
      slope += one.slope;
      curvature += one.curvature;
    });
    return { loss: loss / labels.length, slope, curvature };
  };
  const before = at(1);
  let [low, high] = [1 / BOUNDS[1], 1 / BOUNDS[0]];
  const finish = (beta: number, atBound: boolean): Temperature => {
    return { temperature: 1 / beta, before: before.loss, after: at(beta).loss, atBound };
  };
  if (before.curvature === 0 && before.slope === 0) return finish(1, true); // logits that say nothing
  if (at(high).slope < 0) return finish(high, true);
  if (at(low).slope > 0) return finish(low, true);

  let beta = 1;
  for (let i = 0; i < 200; i++) {
    const { slope, curvature } = beta === 1 ? before : at(beta);
    if (slope > 0) high = beta;
    else low = beta;
    const newton = beta - slope / curvature;
    const next = newton > low && newton < high ? newton : (low + high) / 2;
    const change = Math.abs(next - beta) / beta;
    beta = next;
    if (change < 1e-12) break;
  }
  return finish(beta, false);
}

/** Of one image: the loss at inverse temperature β, and its first and second derivative by β. */
function momentsOf(row: Float32Array, label: number, beta: number) {
  let most = Number.NEGATIVE_INFINITY;
  for (const value of row) if (value > most) most = value;
  let [total, first, second] = [0, 0, 0];
  for (const value of row) {
    if (value === Number.NEGATIVE_INFINITY) continue; // a class that is ruled out
    const z = value - most;
    const weight = Math.exp(beta * z);
    total += weight;
    first += weight * z;
    second += weight * z * z;
  }
  const mean = first / total;
  const own = (row[label] as number) - most;
  return { loss: Math.log(total) - beta * own, slope: mean - own, curvature: second / total - mean * mean };
}
