import { createRng, type Rng } from "@vitrail/random";
import { describe, expect, test } from "vitest";
import { beta } from "./beta.ts";
import { colorJitter } from "./color-jitter.ts";
import { Draws } from "./draws.ts";
import { randomErasing } from "./erasing.ts";
import { drawMix } from "./mixup.ts";
import { keepRatioCrop, randomCrop, simpleRandomCrop } from "./random-crop.ts";
import { resizedCropRegion } from "./resized-crop.ts";
import { goldens, scene } from "./testing.ts";

interface Drawn {
  readonly what: string;
  readonly by: "timm" | "torchvision";
  readonly size: readonly [number, number];
  readonly scale: readonly [number, number];
  readonly ratio: readonly [number, number];
  readonly alpha: number;
  readonly count: number;
  readonly middle: number;
  readonly draws: number;
  readonly area: readonly number[];
  readonly aspect: readonly number[];
  readonly left: readonly number[];
  readonly top: readonly number[];
  readonly lam: readonly number[];
}

const recorded = goldens<Drawn>("draws");
const N = 30_000;
const streams = (seed: number, n = N): Rng[] => Array.from({ length: n }, (_, i) => createRng(seed).at(i));

/** Counts between 25 equal steps from low to high, as numpy's histogram. */
function histogram(values: readonly number[], low: number, high: number): number[] {
  const counts: number[] = new Array(25).fill(0);
  for (const v of values) {
    const bin = Math.min(24, Math.max(0, Math.floor(((v - low) / (high - low)) * 25)));
    counts[bin] = (counts[bin] as number) + 1;
  }
  return counts;
}

/** Two samples of one distribution: chi square stays within five deviations of its mean, the degrees of freedom. */
function expectSame(ours: readonly number[], theirs: readonly number[]): void {
  const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);
  const k = Math.sqrt(sum(theirs) / sum(ours));
  let chi = 0;
  let bins = -1;
  ours.forEach((a, i) => {
    const b = theirs[i] as number;
    if (a + b === 0) return;
    bins++;
    chi += (k * a - b / k) ** 2 / (a + b);
  });
  expect(bins).toBeGreaterThan(1);
  expect(chi).toBeLessThan(bins + 5 * Math.sqrt(2 * bins));
}

/** Values against a distribution function: Kolmogorov's statistic, whose 0.1 % point is 1.95 / sqrt(n). */
function expectLaw(values: readonly number[], cdf: (x: number) => number): void {
  const sorted = [...values].sort((a, b) => a - b);
  let worst = 0;
  sorted.forEach((v, i) => {
    const p = cdf(v);
    worst = Math.max(worst, Math.abs(p - i / sorted.length), Math.abs(p - (i + 1) / sorted.length));
  });
  expect(worst).toBeLessThan(1.95 / Math.sqrt(sorted.length));
}

describe("RandomResizedCrop", () => {
  test.each(recorded.filter(({ what }) => what === "resizedCrop"))(
    "draws areas, ratios and places as $by of $size",
    ({ size: [width, height], scale, ratio, area, aspect, left, top }) => {
      const regions = streams(1).map((rng) => resizedCropRegion(width, height, rng, { scale, ratio }));
      expectSame(
        histogram(
          regions.map((r) => (r.width * r.height) / (width * height)),
          0,
          1.0001,
        ),
        area,
      );
      const [low, high] = [Math.log(ratio[0]) - 0.15, Math.log(ratio[1]) + 0.15];
      expectSame(
        histogram(
          regions.map((r) => Math.log(r.width / r.height)),
          low,
          high,
        ),
        aspect,
      );
      expectSame(
        histogram(
          regions.map((r) => r.left / width),
          0,
          1.0001,
        ),
        left,
      );
      expectSame(
        histogram(
          regions.map((r) => r.top / height),
          0,
          1.0001,
        ),
        top,
      );
    },
  );

  test("of a large square, where nothing is rejected, has a uniform area and a ratio uniform in its logarithm", () => {
    const regions = streams(2).map((rng) => resizedCropRegion(20_000, 20_000, rng, { scale: [0.1, 0.7] }));
    expectLaw(
      regions.map((r) => (r.width * r.height) / 4e8),
      (a) => (a - 0.1) / 0.6,
    );
    expectLaw(
      regions.map((r) => Math.log(r.width / r.height)),
      (a) => (a + Math.log(4 / 3)) / (2 * Math.log(4 / 3)),
    );
  });

  test("falls back to the middle of a picture so long that no draw fits", () => {
    const region = resizedCropRegion(3000, 10, createRng(1), { scale: [0.9, 1] });
    expect(region).toEqual({ left: 1493, top: 0, width: 13, height: 10 });
    expect(resizedCropRegion(1, 1, createRng(1))).toEqual({ left: 0, top: 0, width: 1, height: 1 });
    expect(resizedCropRegion(1, 5000, createRng(3), { scale: [0.9, 1] })).toEqual({
      left: 0,
      top: 2499,
      width: 1,
      height: 1,
    });
  });
});

test("random erasing erases as much and in the same places as timm's", () => {
  const [golden] = recorded.filter(({ what }) => what === "erasing") as [Drawn];
  const [width, height] = golden.size;
  const erase = randomErasing(height, width, 1, { prob: 1, count: golden.count });
  let middle = 0;
  const areas = streams(3, 20_000).map((rng) => {
    const pixels = new Float32Array(width * height).fill(1);
    erase(pixels, rng);
    if (pixels[20 * width + 30] === 0) middle++;
    return 1 - pixels.reduce((a, b) => a + b, 0) / pixels.length;
  });
  expectSame(histogram(areas, 0, 1.0001), golden.area);
  const expected = (golden.middle / golden.draws) * areas.length;
  expect(Math.abs(middle - expected)).toBeLessThan(5 * Math.sqrt(expected));
});

test("random erasing fills with zeros, one colour or noise, with its probability", () => {
  const picture = (mode: "const" | "rand" | "pixel", seed: number): Float32Array => {
    const pixels = new Float32Array(32 * 32 * 3).fill(9);
    randomErasing(32, 32, 3, { prob: 1, mode })(pixels, createRng(seed));
    return pixels.filter((v) => v !== 9);
  };
  expect(new Set(picture("const", 1))).toEqual(new Set([0]));
  expect(new Set(picture("rand", 1)).size).toBe(3);
  const noise = Array.from({ length: 40 }, (_, i) => [...picture("pixel", i)]).flat();
  expect(noise.length).toBeGreaterThan(3000);
  const mean = noise.reduce((a, b) => a + b, 0) / noise.length;
  const variance = noise.reduce((a, b) => a + (b - mean) ** 2, 0) / noise.length;
  expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(noise.length));
  expect(Math.abs(variance - 1)).toBeLessThan(5 * Math.sqrt(2 / noise.length));
  const some = randomErasing(8, 8, 1, { prob: 0.25 });
  const hit = streams(4, 4000).filter((rng) => {
    const pixels = new Float32Array(64).fill(1);
    some(pixels, rng);
    return pixels.includes(0);
  });
  expect(Math.abs(hit.length - 1000)).toBeLessThan(5 * Math.sqrt(750));
});

describe("beta draws", () => {
  test("are uniform for α = 1 and follow the arcsine law for α = 1/2", () => {
    const draw = (a: number, b = a): number[] => streams(5).map((rng) => beta(a, b, new Draws(rng)));
    expectLaw(draw(1), (x) => x);
    expectLaw(draw(0.5), (x) => (2 / Math.PI) * Math.asin(Math.sqrt(x)));
    expectLaw(draw(2), (x) => x * x * (3 - 2 * x));
    expectLaw(draw(2, 1), (x) => x * x);
    expectLaw(draw(0.5, 1), (x) => Math.sqrt(x));
  });

  test("have the mean and variance of Beta(α, α) for any α, and are never NaN", () => {
    for (const a of [1e-4, 0.1, 0.2, 0.8, 1.5, 8]) {
      const values = streams(6, 20_000).map((rng) => beta(a, a, new Draws(rng)));
      expect(values.every((v) => v >= 0 && v <= 1)).toBe(true);
      const mean = values.reduce((x, y) => x + y, 0) / values.length;
      const variance = values.reduce((x, y) => x + (y - 0.5) ** 2, 0) / values.length;
      const expected = 1 / (4 * (2 * a + 1));
      expect(Math.abs(mean - 0.5)).toBeLessThan(5 * Math.sqrt(expected / values.length));
      expect(Math.abs(variance / expected - 1)).toBeLessThan(0.06);
    }
  });
});

test.each(recorded.filter(({ what }) => what === "cutmix"))(
  "CutMix corrects λ as timm for α = $alpha",
  ({ alpha, size: [width, height], lam }) => {
    const drawn = streams(7).map(
      (rng) => drawMix({ mixupAlpha: 0, cutmixAlpha: alpha }, 2, height, width, rng).mixes[0]?.lam as number,
    );
    expectSame(histogram(drawn, 0, 1.0001), lam);
  },
);

test("Mixup and CutMix take turns with switchProb, and leave alone with 1 - prob", () => {
  const plans = streams(8, 6000).map(
    (rng) => drawMix({ mixupAlpha: 0.8, cutmixAlpha: 1, prob: 0.5, switchProb: 0.25 }, 4, 32, 32, rng).mixes[0],
  );
  const alone = plans.filter((mix) => mix?.lam === 1 && !mix.box).length;
  const cut = plans.filter((mix) => mix?.box).length;
  expect(Math.abs(alone - 3000)).toBeLessThan(5 * Math.sqrt(1500));
  expect(Math.abs(cut - 750)).toBeLessThan(5 * Math.sqrt(750));
});

test("a padded crop goes to every place equally often", () => {
  const image = { width: 4, height: 4, data: Uint8Array.from({ length: 48 }, (_, i) => 1 + i) };
  const crop = randomCrop(4, 4, { padding: 1 });
  const counts = new Map<string, number>();
  for (const rng of streams(9, 9000)) {
    const key = String(crop(image, rng).data);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  expect(counts.size).toBe(9);
  for (const n of counts.values()) expect(Math.abs(n - 1000)).toBeLessThan(5 * Math.sqrt(1000));
});

test("every crop mode gives the size that is asked for, from any picture", () => {
  const pictures = [scene(30, 20, 1), scene(5, 50, 1), scene(1, 1, 1), scene(64, 64, 1)];
  for (const image of pictures)
    for (const rng of streams(10, 20))
      for (const crop of [
        keepRatioCrop(24, 16, "rkrc"),
        keepRatioCrop(16, 24, "rkrr"),
        simpleRandomCrop(24, 24),
        simpleRandomCrop(24, 16, { paddingMode: "constant", fill: [1, 2, 3] }),
      ]) {
        const { width, height, data } = crop(image, rng);
        expect([[24, 16].includes(width), [24, 16].includes(height), data.length]).toEqual([
          true,
          true,
          width * height * 3,
        ]);
      }
  expect(() => randomCrop(32, 32)(pictures[0] as never, createRng(1))).toThrow(
    'expected a picture of at least 24 x 24 for a crop of 32 x 32 with padding 4, found 30 x 20; the crop mode "src" resizes first',
  );
});

test("colour jitter applies its parts in each of the orders", () => {
  const jitter = colorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 });
  const image = scene(9, 9, 2);
  expect(new Set(streams(11, 50).map((rng) => String(jitter(image, rng).data))).size).toBe(50);
  expect(colorJitter({})(image, createRng(1))).toBe(image);
  expect(() => colorJitter({ hue: 0.6 })).toThrow("color jitter's hue: expected a number from 0 to 0.5, found 0.6");
});
