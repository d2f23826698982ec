import { describe, expect, test } from "vitest";
import type { DatasetError } from "./errors.ts";
import { classList, compareNames } from "./names.ts";
import { classCounts, fraction, limit, makeSplit, splitOff, stream, subset } from "./split.ts";
import { open, png, tree } from "./testing.ts";
import { assertTrainable } from "./trainable.ts";
import type { Split } from "./types.ts";

/** A split of nothing but labels. */
function of(...labels: number[]): Split {
  return makeSplit({
    name: "train",
    labels: Int32Array.from(labels),
    nameOf: (i) => `${i}.png`,
    source: (i) => ({ kind: "file", path: `/${i}.png` }),
  });
}
const names = (split: Split) => Array.from({ length: split.length }, (_, i) => split.nameOf(i));
const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    return (error as DatasetError).code;
  }
  return "none";
};

describe("subset, limit and splitOff", () => {
  const split = of(...Array.from({ length: 100 }, (_, i) => (i < 70 ? 0 : i < 95 ? 1 : 2)));

  test("a subset has its samples in the order given", async () => {
    const part = subset(split, [99, 0, 0, 70], "some");
    expect(part.name).toBe("some");
    expect(names(part)).toEqual(["99.png", "0.png", "0.png", "70.png"]);
    expect([0, 1, 2, 3].map((i) => part.label(i))).toEqual([2, 0, 0, 1]);
    const streamed: string[] = [];
    for await (const { name, index } of stream(part)) streamed.push(`${index} ${name}`);
    expect(streamed).toEqual(["0 99.png", "1 0.png", "2 0.png", "3 70.png"]);
    expect(codeOf(() => subset(split, [100]))).toBe("bad-argument");
    expect(codeOf(() => part.label(4))).toBe("bad-argument");
  });

  test("limit takes the first of a shuffle that the seed alone decides", () => {
    expect(names(limit(split, 5, 1))).toEqual(names(limit(split, 5, 1)));
    expect(names(limit(split, 5, 1))).not.toEqual(names(limit(split, 5, 2)));
    expect(names(limit(split, 5, 1))).toEqual(names(limit(split, 50, 1)).slice(0, 5));
    expect(new Set(names(limit(split, 1000))).size).toBe(100);
    for (const n of [0, -1, 1.5]) expect(codeOf(() => limit(split, n))).toBe("bad-argument");
  });

  test("splitOff takes the same share of every class, no sample twice and none lost", () => {
    const { train, val } = splitOff(split, 0.2, 3);
    expect([...classCounts(val, 3)]).toEqual([14, 5, 1]);
    expect([...classCounts(train, 3)]).toEqual([56, 20, 4]);
    expect([train.name, val.name]).toEqual(["train", "val"]);
    expect([...names(train), ...names(val)].sort()).toEqual(names(split).sort());
    expect(names(splitOff(split, 0.2, 3).val)).toEqual(names(val));
    expect(names(splitOff(split, 0.2, 4).val)).not.toEqual(names(val));
  });

  test("splitOff gives many small classes their share as a whole, and leaves each one sample to learn from", () => {
    const small = of(...Array.from({ length: 60 }, (_, i) => i % 20)); // 20 classes of 3
    const { train, val } = splitOff(small, 0.1);
    expect(val.length).toBe(6);
    expect(Math.min(...classCounts(train, 20))).toBeGreaterThan(0);
    const lonely = splitOff(of(0, 1, 1, 1, 1, 1), 0.5);
    expect(classCounts(lonely.train, 2)[0]).toBe(1);
    for (const share of [0, 1, Number.NaN]) expect(codeOf(() => splitOff(small, share))).toBe("bad-argument");
  });
});

describe("fraction", () => {
  const split = of(...Array.from({ length: 1000 }, (_, i) => (i % 10 < 7 ? 0 : i % 10 < 9 ? 1 : 2)));

  test("takes the same share of every class, and a smaller share of the same seed is part of a larger one", () => {
    const tenth = fraction(split, 0.1, 3);
    expect([...classCounts(tenth, 3)]).toEqual([70, 20, 10]);
    expect(names(tenth).map((name) => Number.parseInt(name, 10))).toEqual([
      ...names(tenth)
        .map((name) => Number.parseInt(name, 10))
        .sort((a, b) => a - b),
    ]);
    expect(names(tenth)).toEqual(expect.arrayContaining(names(fraction(split, 0.01, 3))));
    expect(names(fraction(split, 0.1, 4))).not.toEqual(names(tenth));
    expect(names(fraction(split, 1))).toEqual(names(split));
  });

  test("leaves each class a sample, and refuses no share", () => {
    expect([...classCounts(fraction(split, 0.001), 3)]).toEqual([1, 1, 1]);
    for (const share of [0, 1.1, Number.NaN]) expect(codeOf(() => fraction(split, share))).toBe("bad-argument");
  });
});

describe("assertTrainable refuses in one line (pytorch/pytorch#7716)", () => {
  test.each<[string, Split, string[], string]>([
    ["no picture", of(), ["a", "b"], "no-images"],
    ["one picture", of(0), ["a", "b"], "one-image"],
    ["one class", of(0, 0), ["a"], "one-class"],
    ["pictures of one class alone", of(0, 0), ["a", "b"], "one-class"],
    ["a class without a picture", of(0, 2, 0), ["a", "b", "c"], "empty-class"],
    ["nothing wrong", of(0, 1), ["a", "b"], "none"],
  ])("%s", (_, split, classes, code) => {
    expect(codeOf(() => assertTrainable(split, { classes, root: "/data" }))).toBe(code);
  });

  test("names the class and what to do", () => {
    expect(() => assertTrainable(of(0, 2), { classes: ["a", "b", "c"], root: "/data" })).toThrow(
      '/data: train has no picture of "b": add some, or take the class off the list',
    );
    expect(() => assertTrainable(of(0, 0), { classes: ["a"], root: "/data" })).toThrow(
      /only one class, "a": a classifier needs at least two/,
    );
  });

  test("openDataset lets one class through: inspecting it must work", async () => {
    const dataset = await open(tree({ "cat/1.png": png() }));
    expect(dataset.classes).toEqual(["cat"]);
    expect(codeOf(() => assertTrainable(dataset.splits.get("all") as Split, dataset))).toBe("one-class");
  });
});

describe("names", () => {
  test("are in Python's order, by code point", () => {
    const sorted = ["", "1", "10", "2", "A", "a", "aa", "\uff21", "\u{1f408}", "\u{1f408}a"];
    expect([...sorted].reverse().sort(compareNames)).toEqual(sorted);
  });

  test("are found however their letters are composed", () => {
    expect(classList(["caf\u00e9", "b"]).indexOf("cafe\u0301")).toBe(0);
    expect(classList(["constructor"]).indexOf("toString")).toBeUndefined();
    expect(codeOf(() => classList(["a", "a"]))).toBe("ambiguous-class");
  });
});
