import { createRng } from "@vitrail/random";
import { expect, test } from "vitest";
import { applyMix, type MixOptions, type MixPlan, mixBatch, mixTargets } from "./mixup.ts";
import { goldens, short } from "./testing.ts";

interface MixCase {
  readonly setting: { readonly mode: MixPlan["mode"]; readonly label_smoothing?: number };
  readonly mixes: MixPlan["mixes"];
  readonly labels: readonly number[];
  readonly images: string;
  readonly targets: readonly number[];
}

const [size, height, width, channels, classes] = [6, 7, 9, 3, 5];

/** The generator's batch: multiples of 2^-22 between -2 and 2. */
function batch(): Float32Array {
  return Float32Array.from({ length: size * height * width * channels }, (_, i) => {
    return Number((BigInt(i) * 2654435761n) % (1n << 24n)) / 2 ** 22 - 2;
  });
}

test.each(goldens<MixCase>("mixup"))("a batch is mixed to timm's floats: $setting", (golden) => {
  const { setting, mixes, labels, images, targets } = golden;
  const plan = { mode: setting.mode, mixes };
  const x = batch();
  applyMix(x, size, width, channels, plan);
  expect(short(x)).toBe(images);
  expect(Array.from(mixTargets(labels, classes, plan, setting.label_smoothing ?? 0.1))).toEqual(targets);
});

test("the middle of an odd batch meets itself, and targets add up to 1", () => {
  for (const mode of ["batch", "pair", "elem"] as const)
    for (let seed = 0; seed < 20; seed++) {
      const x = batch().subarray(0, 5 * height * width * channels);
      const each = x.length / 5;
      const middle = x.slice(2 * each, 3 * each);
      const options: MixOptions = { mixupAlpha: 1, cutmixAlpha: 1, mode };
      const targets = mixBatch(x, [5, height, width, channels], [0, 1, 2, 3, 4], classes, options, createRng(seed));
      expect(x.subarray(2 * each, 3 * each)).toEqual(middle);
      for (let i = 0; i < 5; i++)
        expect(targets.subarray(i * classes, (i + 1) * classes).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 6);
    }
});

test("options that make no sense are refused by name", () => {
  const mix = (options: MixOptions) => () =>
    mixBatch(batch(), [size, height, width, channels], new Int32Array(size), classes, options, createRng(1));
  expect(mix({ mixupAlpha: 0 })).toThrow("expected mixupAlpha or cutmixAlpha above 0, or cutmixMinmax, found none");
  expect(mix({ mixupAlpha: -1 })).toThrow("mixupAlpha: expected a number of at least 0, found -1");
  expect(mix({ cutmixMinmax: [0.8, 0.2] })).toThrow("expected 0 <= low < high <= 1, found [0.8, 0.2]");
  expect(mix({ prob: 2 })).toThrow("mix's prob: expected a number from 0 to 1, found 2");
  expect(mix({ labelSmoothing: 1 })).toThrow("labelSmoothing: expected 0 <= number < 1, found 1");
  expect(mix({ mode: "half" as "elem" })).toThrow('expected batch, pair or elem, found "half"');
});
