import { mul, type Tensor, tensor, tidy } from "@tensorflow/tfjs-core";
import type { Rng } from "@vitrail/random";

const checkRate = (what: string, rate: number): void => {
  if (!(rate >= 0 && rate < 1))
    throw new RangeError(`${what}: expected a rate of 0 or more and below 1, found ${rate}`);
};

/** 1 / (1 − rate) where a draw keeps the value, 0 where it drops it: the expectation stays. */
const mask = (rng: Rng, rate: number, shape: readonly number[]): Tensor => {
  const size = shape.reduce((product, side) => product * side, 1);
  const scale = 1 / (1 - rate);
  const values = rng.uniform(size).map((u) => (u < rate ? 0 : scale));
  return tensor(values, [...shape]);
};

/**
 * Sets each value to zero with probability `rate` and divides the rest by 1 − rate:
 * "Dropout", https://jmlr.org/papers/v15/srivastava14a.html. For training only. The same stream drops the same values:
 * derive one for each step and layer.
 */
export function dropout<T extends Tensor>(x: T, rate: number, rng: Rng): T {
  checkRate("dropout", rate);
  return tidy(() => mul(x, rate === 0 ? 1 : mask(rng, rate, x.shape)) as T);
}

/**
 * Drops whole samples of a residual branch (stochastic depth, https://arxiv.org/abs/1603.09382), as timm's DropPath.
 * @param x [B, ...]; each of the B samples is kept or dropped as one
 */
export function dropPath<T extends Tensor>(x: T, rate: number, rng: Rng): T {
  checkRate("dropPath", rate);
  const shape = x.shape.map((side, axis) => (axis === 0 ? side : 1));
  return tidy(() => mul(x, rate === 0 ? 1 : mask(rng, rate, shape)) as T);
}
