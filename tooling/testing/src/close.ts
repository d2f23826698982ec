import { expect } from "vitest";

/** max |actual - expected| / max |expected|: an error relative to the scale of the whole tensor. */
export function maxRelativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let worst = 0;
  let scale = 0;
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs((actual[i] as number) - (expected[i] as number));
    worst = Math.max(worst, d); // once NaN, NaN to the end
    scale = Math.max(scale, Math.abs(expected[i] as number));
  }
  return scale === 0 ? worst : worst / scale;
}

/** Fails unless every value is within `tolerance` of the expected tensor's scale. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  name = "",
): void {
  const error = maxRelativeError(actual, expected);
  expect(error, `${name} differs by ${error} of its scale`).toBeLessThanOrEqual(tolerance);
}
