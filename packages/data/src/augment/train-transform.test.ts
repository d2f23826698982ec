import { createRng } from "@vitrail/random";
import { describe, expect, test } from "vitest";
import { normalize } from "../transform.ts";
import { scene } from "./testing.ts";
import { type TrainTransformOptions, trainTransform } from "./train-transform.ts";

const mean = [0.485, 0.456, 0.406];
const std = [0.229, 0.224, 0.225];
const base: TrainTransformOptions = { inputSize: [3, 24, 24], mean, std };

describe("a training transform", () => {
  test("is a function of the picture and the stream", () => {
    const transform = trainTransform({ ...base, autoAugment: "rand-m9-mstd0.5-inc1", reProb: 0.5, reMode: "pixel" });
    const image = scene(40, 31, 1);
    const seen = new Set<string>();
    for (let i = 0; i < 30; i++) {
      const out = transform(image, createRng(1).at(i));
      expect(out.length).toBe(24 * 24 * 3);
      expect(out).toEqual(transform(image, createRng(1).at(i), new Float32Array(24 * 24 * 3)));
      seen.add(out.join());
    }
    expect(seen.size).toBe(30);
  });

  test("with everything switched off is the resize and the normalisation", () => {
    const off = { ...base, cropMode: "pad", padding: 0, hflip: 0, colorJitter: 0 } as const;
    const image = scene(24, 24, 3);
    const expected = normalize(image, { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] });
    expect(trainTransform(off)(image, createRng(1))).toEqual(expected);
  });

  test("of one part draws the same whether another is on or not", () => {
    const image = scene(24, 24, 3);
    const plain = { ...base, cropMode: "pad", colorJitter: 0 } as const;
    for (let i = 0; i < 10; i++) {
      const rng = createRng(2).at(i);
      const without = trainTransform(plain)(image, rng);
      const erased = trainTransform({ ...plain, reProb: 1 })(image, rng);
      expect(erased.every((v, k) => v === 0 || v === without[k])).toBe(true);
      expect(erased).not.toEqual(without);
    }
  });

  test("leaves the colour jitter out beside an augmentation string, as timm, except 3a", () => {
    const image = scene(24, 24, 3);
    const run = (options: Partial<TrainTransformOptions>) =>
      trainTransform({ ...base, autoAugment: "rand-m0-p0", ...options })(image, createRng(4)).join();
    expect(run({ colorJitter: 0.4 })).toBe(run({ colorJitter: 0 }));
    expect(run({ colorJitter: 0.4, forceColorJitter: true })).not.toBe(run({ colorJitter: 0 }));
    expect(run({ autoAugment: "3a", colorJitter: 0.4 })).not.toBe(run({ autoAugment: "3a", colorJitter: 0 }));
  });

  test("of one channel gives grey pictures and takes the average of three means", () => {
    const image = scene(24, 24, 3);
    const options = { cropMode: "pad", hflip: 0, padding: 0, colorJitter: 0 } as const;
    const grey = trainTransform({ ...options, inputSize: [1, 24, 24], mean: [0.2, 0.3, 0.4], std: [0.5] });
    const out = grey(image, createRng(1));
    expect([grey.channels, out.length]).toEqual([1, 576]);
    const [r, g, b] = image.data as unknown as [number, number, number];
    const luma = (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
    expect(out[0]).toBeCloseTo((luma / 255 - 0.3) / 0.5, 6);
    expect(grey({ ...image, data: image.data.slice() }, createRng(1))).toEqual(out);
  });

  test("refuses settings that make no sense, by name", () => {
    const run = (options: Partial<TrainTransformOptions>) => () => trainTransform({ ...base, ...options });
    expect(run({ inputSize: [4, 8, 8] })).toThrow("inputSize: expected 1 or 3 channels, found 4");
    expect(run({ mean: [0.5, 0.5] })).toThrow("mean: expected 1 or 3 numbers, found 2");
    expect(run({ cropMode: "center" as "rrc" })).toThrow(
      'cropMode: expected rrc, rkrc, rkrr, src or pad, found "center"',
    );
    expect(run({ hflip: 1.5 })).toThrow("hflip: expected a number from 0 to 1, found 1.5");
    expect(run({ scale: [0.9, 0.1] })).toThrow("scale: expected [low, high] above 0, found [0.9, 0.1]");
    expect(run({ autoAugment: "rand-m9", interpolation: "lanczos" })).toThrow("found lanczos");
    expect(run({ reProb: 0.1, reMode: "white" as "rand" })).toThrow("expected const, rand or pixel, found white");
    expect(() => trainTransform(base)(scene(4, 4, 1), createRng(1), new Float32Array(5))).toThrow(
      "out: expected 24 x 24 x 3 = 1728 numbers, found 5",
    );
  });
});
