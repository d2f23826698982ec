import { expect, test } from "vitest";
import { type EarlyStopping, earlyStopping } from "./index.ts";

const run = (rule: EarlyStopping, metrics: readonly number[]) => {
  let state = rule.initial;
  for (const [epoch, metric] of metrics.entries()) {
    state = JSON.parse(JSON.stringify(rule.next(state, epoch, metric))); // as through a checkpoint
    if (state.stop) return { ...state, after: epoch };
  }
  return { ...state, after: null };
};

test("stops after so many epochs in a row without a better metric", () => {
  const rule = earlyStopping({ patience: 2 });
  expect(run(rule, [0.1, 0.3, 0.2, 0.4, 0.4, 0.3, 0.9])).toMatchObject({ after: 5, best: 0.4, bestEpoch: 3 });
  expect(run(rule, [0.1, 0.1, 0.2, 0.1])).toMatchObject({ after: null, badEpochs: 1 });
});

test("a smaller loss is better, an improvement may have a least size, and what is no number is none", () => {
  const rule = earlyStopping({ patience: 2, mode: "min", minDelta: 0.1 });
  expect(run(rule, [1, 0.95, 0.92])).toMatchObject({ after: 2, best: 1 });
  expect(run(rule, [1, 0.85, Number.NaN, 0.84])).toMatchObject({ after: 3, best: 0.85 });
  expect(run(earlyStopping({ patience: 1 }), [Number.NaN])).toMatchObject({ after: 0, best: null });
});

test("settings out of range are refused", () => {
  expect(() => earlyStopping({ patience: 0 })).toThrow("patience: expected a whole number of 1 or more, found 0");
  expect(() => earlyStopping({ patience: 1, minDelta: -1 })).toThrow("minDelta: expected 0 or more, found -1");
});
