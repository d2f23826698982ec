import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRng } from "./rng.ts";

const moments = (values: ArrayLike<number>) => {
  const all = Array.from(values);
  const mean = all.reduce((a, b) => a + b, 0) / all.length;
  const at = (p: number) => all.reduce((a, b) => a + (b - mean) ** p, 0) / all.length;
  return { mean, variance: at(2), skew: at(3) / at(2) ** 1.5, kurtosis: at(4) / at(2) ** 2 };
};

describe("a stream", () => {
  test("has these numbers for ever, or every model's initial weights would change", () => {
    const rng = createRng(42).at("layer").at(3);
    expect(Array.from(rng.uint32(5))).toMatchInlineSnapshot(`
      [
        1907654293,
        1676675844,
        846248605,
        314680107,
        2777724240,
      ]
    `);
    expect(Array.from(rng.uniform(2))).toMatchInlineSnapshot(`
      [
        0.4441603422164917,
        0.39038151502609253,
      ]
    `);
    expect(Array.from(rng.normal(3))).toMatchInlineSnapshot(`
      [
        -0.9835968613624573,
        0.8097384572029114,
        1.6147953271865845,
      ]
    `);
    expect(Array.from(rng.truncatedNormal(2))).toMatchInlineSnapshot(`
      [
        -0.1340004801750183,
        -0.26535192131996155,
      ]
    `);
    expect(Array.from(rng.permutation(6))).toMatchInlineSnapshot(`
      [
        3,
        0,
        4,
        2,
        1,
        5,
      ]
    `);
  });

  test("is a function of seed, path and position: a longer draw begins with the shorter one", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.string(), fc.nat(50), fc.nat(50), (seed, path, a, b) => {
        const [short, long] = [Math.min(a, b), Math.max(a, b)];
        for (const kind of ["uint32", "uniform", "normal", "truncatedNormal"] as const) {
          const whole = createRng(seed).at(path)[kind](long);
          expect(createRng(seed).at(path)[kind](short)).toEqual(whole.slice(0, short));
        }
      }),
    );
  });

  test("differs for each seed and path", () => {
    const root = createRng(1);
    const streams = [
      root,
      createRng(-1),
      createRng(2),
      createRng(2 ** 32 + 1),
      createRng(2 ** 53 - 1),
      root.at(1),
      root.at("1"),
      root.at("#1"),
      root.at(""),
      root.at("a/b"),
      root.at("a").at("b"),
      root.at("b").at("a"),
      root.at("a".repeat(16)),
      root.at("a".repeat(17)),
      root.at("\u00e9"),
      root.at("e\u0301"),
    ];
    expect(new Set(streams.map((rng) => rng.uint32(4).join())).size).toBe(streams.length);
    const ways = Array.from({ length: 20_000 }, (_, i) => root.at(i).uint32(2).join());
    expect(new Set(ways).size).toBe(ways.length);
  });

  test("is uniform, normal or cut normal as promised", () => {
    const n = 200_000;
    const rng = createRng(5);
    const u = moments(rng.uniform(n));
    expect(Math.abs(u.mean - 0.5)).toBeLessThan(0.004);
    expect(Math.abs(u.variance - 1 / 12)).toBeLessThan(0.002);
    const z = moments(rng.normal(n));
    expect(Math.abs(z.mean)).toBeLessThan(0.012);
    expect(Math.abs(z.variance - 1)).toBeLessThan(0.02);
    expect(Math.abs(z.skew)).toBeLessThan(0.03);
    expect(Math.abs(z.kurtosis - 3)).toBeLessThan(0.07);
    const t = rng.truncatedNormal(n);
    expect(Math.max(...Array.from(t.slice(0, 50_000), Math.abs))).toBeLessThanOrEqual(2);
    // The variance of a normal distribution cut at two deviations: 1 - 4 φ(2) / (2 Φ(2) - 1).
    expect(Math.abs(moments(t).variance - 0.773741)).toBeLessThan(0.012);
    const side = moments(rng.truncatedNormal(n, 1, 3));
    // Its mean is (φ(1) - φ(3)) / (Φ(3) - Φ(1)).
    expect(Math.abs(side.mean - 1.51)).toBeLessThan(0.01);
  });

  test("uniform values lie in [0, 1), and a permutation has each index once", () => {
    for (const value of createRng(9).uniform(100_000)) expect(value >= 0 && value < 1).toBe(true);
    fc.assert(
      fc.property(fc.nat(200), fc.integer(), (n, seed) => {
        expect(Array.from(createRng(seed).permutation(n)).sort((a, b) => a - b)).toEqual(
          Array.from({ length: n }, (_, i) => i),
        );
      }),
    );
  });

  test("a seed or count that is no integer is refused", () => {
    expect(() => createRng(0.5)).toThrow("expected a seed that is a safe integer, found 0.5");
    expect(() => createRng(Number.NaN)).toThrow(RangeError);
    expect(() => createRng(1).uniform(-1)).toThrow("expected a count of 0 or more, found -1");
    expect(() => createRng(1).truncatedNormal(1, 2, 2)).toThrow("expected low < high");
  });
});
