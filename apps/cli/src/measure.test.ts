import { expect, test } from "vitest";
import { measure, quantile } from "./measure.ts";

test("quantiles lie between values where they fall there", () => {
  expect(quantile([3, 1, 2], 0.5)).toBe(2);
  expect(quantile([4, 1, 2, 3], 0.5)).toBe(2.5);
  expect(quantile([0, 10], 0.95)).toBeCloseTo(9.5);
});

test("warms up, measures peaks in between, and puts one over the other", async () => {
  let [runs, peaks] = [0, 0];
  const subject = {
    batch: 4,
    flops: 4e9,
    run: async () => {
      runs++;
      await new Promise((resolve) => setTimeout(resolve, 5));
    },
    peak: {
      flops: 1e9,
      run: async () => {
        peaks++;
        await new Promise((resolve) => setTimeout(resolve, 5));
      },
    },
  };
  const found = await measure(subject, 0.1);
  expect(found.runs).toBe(runs - 3);
  expect(peaks).toBeGreaterThan(2);
  expect(found.imagesPerSecond).toBeCloseTo(4000 / found.msP50, 6);
  expect(found.peakFraction).toBeCloseTo(found.gflops / found.peakGflops, 6);
});
