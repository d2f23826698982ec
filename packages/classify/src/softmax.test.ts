import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isKnown, parseOpenSet } from "./open-set.ts";
import { negativeEnergy, topK } from "./softmax.ts";

const logits = fc.array(fc.double({ min: -1e4, max: 1e4, noNaN: true }), { minLength: 1, maxLength: 50 });

describe("topK", () => {
  test("probabilities of all classes add up to 1 and fall, however large the logits", () => {
    fc.assert(
      fc.property(logits, (row) => {
        const best = topK(row, row.length);
        expect(best.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 12);
        for (const [i, { probability }] of best.entries()) {
          expect(probability).toBeLessThanOrEqual(best[i - 1]?.probability ?? 1);
        }
        expect(new Set(best.map(({ index }) => index)).size).toBe(row.length);
      }),
      { numRuns: 100 },
    );
  });

  test("adding a constant to every logit changes nothing", () => {
    const row = [1, 2, 3.5];
    const moved = topK(
      row.map((v) => v + 1000),
      3,
    );
    expect(moved.map(({ index }) => index)).toEqual([2, 1, 0]);
    for (const [i, { probability }] of topK(row, 3).entries()) {
      expect(moved[i]?.probability).toBeCloseTo(probability, 10);
    }
  });

  test("equal logits keep the order of the classes", () => {
    expect(topK([0, 7, 7, 7], 2).map(({ index }) => index)).toEqual([1, 2]);
  });

  test("more classes than there are gives all of them", () => {
    expect(topK([1, 2], 5)).toHaveLength(2);
  });
});

describe("the open-set score", () => {
  test("negative energy is the log of the summed exponentials, times the temperature", () => {
    expect(negativeEnergy([1, 2, 3])).toBeCloseTo(Math.log(Math.exp(1) + Math.exp(2) + Math.exp(3)), 12);
    expect(negativeEnergy([2, 4, 6], 2)).toBeCloseTo(2 * negativeEnergy([1, 2, 3]), 12);
    expect(negativeEnergy([1000, 1000])).toBeCloseTo(1000 + Math.LN2, 9);
  });

  test("a photo is known from the threshold on", () => {
    expect(isKnown([3, 1], { score: "max_logit", threshold: 3 })).toBe(true);
    expect(isKnown([2.9, 1], { score: "max_logit", threshold: 3 })).toBe(false);
    expect(isKnown([3, 3], { score: "energy", threshold: 3.5 })).toBe(true);
    expect(isKnown([3, 1], undefined)).toBeUndefined();
  });

  test.each([
    [{ score: "entropy", threshold: 1 }, "score"],
    [{ score: "energy", threshold: "1" }, "threshold"],
    [{ score: "energy" }, "threshold"],
    [{ score: "energy", threshold: 1, temperature: 0 }, "temperature"],
  ])("a block that makes no sense is refused by its field: %j", (block, field) => {
    expect(() => parseOpenSet(block)).toThrow(`vitrail.open_set.${field}`);
  });
});
