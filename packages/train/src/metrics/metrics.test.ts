import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { auroc, classifierMetrics, fitTemperature, fprAtTpr, mostConfused, topKAccuracy } from "../index.ts";

/** Of tooling/goldens/metrics.py. */
interface Golden {
  readonly logits: readonly number[];
  readonly labels: readonly number[];
  readonly loss: number;
  readonly top: Readonly<Record<string, number>>;
  readonly precision: readonly number[];
  readonly recall: readonly number[];
  readonly f1: readonly number[];
  readonly support: readonly number[];
  readonly macro: readonly [number, number, number];
  readonly balanced: number;
  readonly confusion: readonly number[];
  readonly calibration: Readonly<
    Record<string, { readonly ece: number; readonly mce: number; readonly counts: readonly number[] }>
  >;
  readonly temperature: number;
  readonly scaled_loss: number;
  readonly scores: readonly number[];
  readonly auroc: number;
  readonly fpr95: number;
}

const golden = JSON.parse(readFileSync(new URL("../__goldens__/metrics.json", import.meta.url), "utf8"));
const CLASSES = 7;
const near = (found: number, expected: number, name = "") =>
  expect(Math.abs(found - expected), `${name}: ${found}, not ${expected}`).toBeLessThan(1e-12);

describe.each(["timid", "bold"])("a %s classifier's answers", (key) => {
  const known = golden[key] as Golden;
  const logits = Float32Array.from(known.logits);
  const { labels } = known;

  test.each([1, 7, 60])("have scikit-learn's metrics, %i at a time", (size) => {
    const metrics = classifierMetrics({ classes: CLASSES });
    for (let at = 0; at < labels.length; at += size) {
      metrics.add(logits.subarray(at * CLASSES, (at + size) * CLASSES), labels.slice(at, at + size));
    }
    const found = metrics.report();
    expect(found.images).toBe(labels.length);
    near(found.loss, known.loss, "loss");
    near(found.top1, known.top[1] as number);
    near(found.top5, known.top[5] as number);
    for (const [k, one] of found.perClass.entries()) {
      near(one.precision, known.precision[k] as number, `precision ${k}`);
      near(one.recall, known.recall[k] as number, `recall ${k}`);
      near(one.f1, known.f1[k] as number, `f1 ${k}`);
      expect(one.support).toBe(known.support[k]);
    }
    const { precision, recall, f1, balancedAccuracy } = found.macro;
    for (const [i, one] of [precision, recall, f1].entries()) near(one, known.macro[i] as number, `macro ${i}`);
    near(balancedAccuracy, known.balanced);
    expect([...(found.confusion?.counts ?? [])]).toEqual(known.confusion);
  });

  test.each(Object.entries(known.calibration))("have Guo's calibration error, of %s bins", (bins, expected) => {
    const metrics = classifierMetrics({ classes: CLASSES, bins: Number(bins) });
    metrics.add(logits, labels);
    const { ece, mce, bins: found } = metrics.report().calibration;
    near(ece, expected.ece, "ece");
    near(mce, expected.mce, "mce");
    expect(found.map(({ count }) => count)).toEqual(expected.counts);
  });

  test("have the temperature that torch's search finds, and lose least at it", () => {
    const { temperature, before, after, atBound } = fitTemperature(logits, labels);
    expect(Math.abs(temperature / known.temperature - 1)).toBeLessThan(1e-7); // what LBFGS resolves
    near(before, known.loss);
    near(after, known.scaled_loss);
    expect(atBound).toBe(false);
    const metrics = classifierMetrics({ classes: CLASSES, temperature });
    metrics.add(logits, labels);
    near(metrics.report().loss, after);
  });

  test("are right within the first k as often as scikit-learn says", () => {
    for (const [k, expected] of Object.entries(known.top)) near(topKAccuracy(logits, labels, Number(k)), expected);
  });

  test("have scikit-learn's area under the curve, with ties", () => {
    const right = labels.map(
      (label, i) => topKAccuracy(logits.subarray(i * CLASSES, (i + 1) * CLASSES), [label]) === 1,
    );
    const [yes, no] = [known.scores.filter((_, i) => right[i]), known.scores.filter((_, i) => !right[i])];
    near(auroc(yes, no), known.auroc, "auroc");
    near(fprAtTpr(yes, no), known.fpr95, "fpr95");
  });
});

describe("classifierMetrics", () => {
  const of = (logits: number[], labels: number[], options = {}) => {
    const metrics = classifierMetrics({ classes: 2, ...options });
    metrics.add(Float32Array.from(logits), labels);
    return metrics.report();
  };

  test("of equal logits the first class is the answer", () => {
    expect(of([1, 1, 1, 1], [0, 1])).toMatchObject({ top1: 0.5, top5: 1 });
  });

  test("a probability on a bin's edge belongs to the bin below", () => {
    expect(of([0, 0], [0], { bins: 2 }).calibration.bins.map(({ count }) => count)).toEqual([1, 0]);
    expect(of([0, -1000], [0]).calibration.bins.at(-1)).toMatchObject({ count: 1, confidence: 1, accuracy: 1 });
  });

  test("nothing yet is zeros, and a class that is ruled out is no obstacle", () => {
    expect(classifierMetrics({ classes: 3 }).report()).toMatchObject({
      images: 0,
      loss: 0,
      top1: 0,
      calibration: { ece: 0 },
    });
    expect(of([0, Number.NEGATIVE_INFINITY], [0]).loss).toBe(0);
  });

  test("lists what is confused most", () => {
    const { confusion } = of([0, 1, 0, 1, 1, 0, 1, 0], [0, 0, 1, 0]);
    expect(mostConfused(confusion as never)).toEqual([
      { label: 0, predicted: 1, count: 2 },
      { label: 1, predicted: 0, count: 1 },
    ]);
    expect(mostConfused(confusion as never, 1)).toHaveLength(1);
    expect(of([0, 1], [0], { confusion: false }).confusion).toBeUndefined();
    expect(() => classifierMetrics({ classes: 5000, confusion: true })).toThrow("1 to 4096 classes, found 5000");
  });

  test("refuses what does not fit", () => {
    expect(() => of([1, 2, 3], [0])).toThrow("expected 1 x 2 logits, found 3 values");
    expect(() => of([1, 2], [2])).toThrow("image 0: expected a label of 0 to 1, found 2");
    expect(() => of([1, 2, 0, Number.NaN], [0, 1])).toThrow("image 1: expected logits that are numbers, found NaN");
    expect(() => of([1, 2], [0], { temperature: 0 })).toThrow("temperature: expected more than 0, found 0");
    expect(() => classifierMetrics({ classes: 2, bins: 0 })).toThrow("bins: expected a whole number of 1 or more");
    expect(() => topKAccuracy(Float32Array.of(1, 2), [0], 0)).toThrow("k: expected a whole number of 1 or more");
  });
});

describe("fitTemperature", () => {
  test("ends at a bound where there is no best temperature", () => {
    expect(fitTemperature(Float32Array.of(2, 1, 1, 2), [0, 1])).toMatchObject({ temperature: 0.01, atBound: true });
    expect(fitTemperature(Float32Array.of(2, 1, 1, 2), [1, 0])).toMatchObject({ temperature: 100, atBound: true });
    expect(fitTemperature(Float32Array.of(1, 1), [0])).toMatchObject({ temperature: 1, atBound: true });
    expect(() => fitTemperature(new Float32Array(), [])).toThrow("expected images, found none");
  });

  test("finds it from far away, to 1e-9", () => {
    // Two of three are right by a margin of m: β m = ln 2.
    for (const margin of [0.02, 1, 40]) {
      const logits = Float32Array.of(margin, 0, margin, 0, margin, 0);
      const exact = Math.fround(margin) / Math.log(2);
      expect(Math.abs(fitTemperature(logits, [0, 0, 1]).temperature / exact - 1)).toBeLessThan(1e-9);
    }
  });
});

test("auroc and fprAtTpr know the extremes, and refuse nothing and no numbers", () => {
  expect(auroc([3, 4], [1, 2])).toBe(1);
  expect(auroc([1, 2], [3, 4])).toBe(0);
  expect(auroc([1, 1], [1, 1, 1])).toBe(0.5);
  expect(fprAtTpr([3, 4], [1, 2, 5, 3])).toBe(0.5);
  expect(() => auroc([], [1])).toThrow("auroc: positives: expected scores, found none");
  expect(() => fprAtTpr([1], [Number.NaN])).toThrow("fprAtTpr: negatives: expected scores, found NaN");
  expect(() => fprAtTpr([1], [1], 0)).toThrow("expected a share above 0, up to 1, found 0");
});
