import { createRng } from "@vitrail/random";
import { describe, expect, test } from "vitest";
import { noise } from "../testing.ts";
import { autoAugment, drawOps, parseAutoAugment } from "./auto-augment.ts";
import { Draws } from "./draws.ts";
import { applyOp, levelArgument, type OpName } from "./ops.ts";
import { goldens } from "./testing.ts";
import { drawTrivial } from "./trivial-augment.ts";

interface Timm {
  readonly levels: readonly { name: OpName; level: number; sign: 1 | -1; args: readonly number[] }[];
  readonly strings: readonly {
    text: string;
    ops: readonly string[];
    layers: number;
    prob: number;
    magnitude: number;
    std: number | "inf";
    most: number;
    weights: readonly number[] | null;
  }[];
  readonly policies: readonly { text: string; policy: readonly [string, number, number][][]; std: number }[];
}

const [timm] = goldens<Timm>("timm") as readonly [Timm];
const settings = { translate: 100, translatePart: 0.45, fill: [124, 116, 104], resample: ["bicubic"] } as const;

test("a magnitude means what it means in timm, for each operation", () => {
  const wrong = timm.levels.filter(({ name, level, sign, args }) => {
    const found = levelArgument(name, level, (v) => sign * v, settings);
    return args.length > 0 && !Object.is(found + 0, (args[0] as number) + 0);
  });
  expect(timm.levels.length).toBeGreaterThan(400);
  expect(wrong).toEqual([]);
});

test.each(timm.strings)(
  "$text is read as timm reads it",
  ({ text, ops, layers, prob, magnitude, std, most, weights }) => {
    const plan = parseAutoAugment(text);
    expect(plan).toMatchObject({
      kind: "rand",
      layers,
      prob,
      magnitude,
      std: std === "inf" ? Number.POSITIVE_INFINITY : std,
      most,
    });
    if (plan.kind !== "rand") return;
    expect(plan.set.names).toEqual(ops);
    expect(plan.set.weights ?? null).toEqual(weights?.map((w) => expect.closeTo(w, 15)) ?? null);
  },
);

test.each(timm.policies)("the policy $text is timm's", ({ text, policy, std }) => {
  const plan = parseAutoAugment(text);
  expect(plan.kind === "policy" && plan.policy.map((sub) => sub.map((o) => [o.name, o.prob, o.magnitude]))).toEqual(
    policy,
  );
  expect(plan).toMatchObject({ std, most: 10 });
});

test.each([
  ["rand-m9-x3", 'cannot read the part "x3"'],
  ["rand-m9-w0", 'cannot read the part "w0"'],
  ["rand-m9.5", "m is a whole number"],
  ["rand-m", 'cannot read the part "m"'],
  ["rand-tfoo", 'there is no set "foo"'],
  ["rand-p2", "p is at most 1"],
  ["rand-n20-tweights", "n is at most 15"],
  ["augmix-m5", "AugMix is not among the augmentations"],
  ["v1", 'there is no policy "v1"'],
  ["v0-m3", 'cannot read the part "m3"'],
  ["ta_wide-m3", "TrivialAugment has no settings"],
  ["", 'there is no policy ""'],
])("%j is refused, saying what is known", (text, message) => {
  expect(() => autoAugment(text)).toThrow(message);
  expect(() => autoAugment(text)).toThrow('expected "rand" with -m9');
});

describe("RandAugment draws", () => {
  const drawn = (text: string, n: number): string[][] => {
    const plan = parseAutoAugment(text);
    if (plan.kind !== "rand") throw new Error(text);
    const rng = createRng(5);
    return Array.from({ length: n }, (_, i) => drawOps(plan, new Draws(rng.at(i))).map(({ name }) => name));
  };

  test("each operation as often as the others, with replacement", () => {
    const all = drawn("rand-n2", 30_000);
    const counts = new Map<string, number>();
    for (const name of all.flat()) counts.set(name, (counts.get(name) ?? 0) + 1);
    expect(counts.size).toBe(15);
    // Five deviations of a binomial.
    for (const n of counts.values()) expect(Math.abs(n - 4000)).toBeLessThan(5 * Math.sqrt(4000));
    const twice = all.filter(([a, b]) => a === b).length;
    expect(Math.abs(twice - 2000)).toBeLessThan(5 * Math.sqrt(2000));
  });

  test("by weight, without replacement", () => {
    const all = drawn("rand-n2-tweights", 30_000);
    expect(all.every(([a, b]) => a !== b)).toBe(true);
    const total = 3 + 2 + 2 + 1 + 1 + 3 * 0.25 + 7 * 0.05;
    const first = all.filter(([a]) => a === "Rotate").length;
    const p = 3 / total;
    expect(Math.abs(first - 30_000 * p)).toBeLessThan(5 * Math.sqrt(30_000 * p * (1 - p)));
    const afterShear = all.filter(([a]) => a === "ShearX");
    const q = 3 / (total - 2);
    const then = afterShear.filter(([, b]) => b === "Rotate").length;
    expect(Math.abs(then - afterShear.length * q)).toBeLessThan(5 * Math.sqrt(afterShear.length * q * (1 - q)));
  });
});

test("magnitudes are normal around the policy's, uniform below it for a deviation above 100, and cut to the range", () => {
  const image = { width: 1, height: 1, data: Uint8Array.of(100, 100, 100) };
  const levels = (magnitude: number, std: number, most = 10): number[] =>
    Array.from({ length: 20_000 }, (_, i) => {
      const op = { name: "Brightness", prob: 1, magnitude } as const;
      const [value] = applyOp(image, op, { std, most }, settings, new Draws(createRng(6).at(i))).data;
      return (((value as number) + 0.5) / 100 - 0.1) / 0.18; // a step of the byte is 0.06 of a level
    });
  const moments = (list: readonly number[]) => {
    const mean = list.reduce((a, b) => a + b, 0) / list.length;
    return { mean, std: Math.sqrt(list.reduce((a, b) => a + (b - mean) ** 2, 0) / list.length) };
  };
  const normal = moments(levels(5, 0.8));
  expect(Math.abs(normal.mean - 5)).toBeLessThan(5 * (0.8 / Math.sqrt(20_000)) + 0.01);
  expect(Math.abs(normal.std - 0.8)).toBeLessThan(0.03);
  const uniform = moments(levels(8, Number.POSITIVE_INFINITY));
  expect(Math.abs(uniform.mean - 4)).toBeLessThan(0.1);
  expect(Math.abs(uniform.std - 8 / Math.sqrt(12))).toBeLessThan(0.05);
  const cut = levels(10, 2);
  expect(Math.max(...cut)).toBeLessThan(10.1);
  expect(Math.abs(cut.filter((level) => level > 9.9).length - 10_000)).toBeLessThan(700); // and what came just below
});

test("TrivialAugment draws its operations, magnitudes and signs equally often", () => {
  const counts = new Map<string, number>();
  for (let i = 0; i < 14_000; i++) {
    const { name, bin, sign } = drawTrivial(new Draws(createRng(7).at(i)), 31);
    for (const key of [name, `bin ${bin}`, `sign ${sign}`]) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  expect(counts.size).toBe(14 + 31 + 2);
  for (const [key, n] of counts) {
    const expected = 14_000 / (key.startsWith("bin") ? 31 : key.startsWith("sign") ? 2 : 14);
    expect(Math.abs(n - expected)).toBeLessThan(5 * Math.sqrt(expected));
  }
});

test.each(["rand-m9-mstd0.5-inc1", "rand-m15-mmax20-n3", "original-mstd0.5", "v0r", "3a", "ta_wide", "rand-m9-t3aw"])(
  "%s gives the same pixels for the same stream and others for another",
  (text) => {
    const run = autoAugment(text);
    const image = noise(24, 17, 3);
    const seen = new Set<string>();
    for (let i = 0; i < 40; i++) {
      const out = run(image, createRng(1).at(i));
      expect(out).toEqual(run(image, createRng(1).at(i)));
      expect([out.width, out.height, out.data.length]).toEqual([24, 17, 24 * 17 * 3]);
      seen.add(String(out.data));
    }
    expect(seen.size).toBeGreaterThan(3);
  },
);
