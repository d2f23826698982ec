import { createRng } from "@vitrail/random";
import { describe, expect, test } from "vitest";
import { trainTransform } from "../augment/train-transform.ts";
import type { Split } from "../datasets/types.ts";
import { decode } from "../decode.ts";
import { fileNamed, noise, sha256 } from "../testing.ts";
import { evalTransform } from "../transform.ts";
import { createLoader } from "./loader.ts";
import { digest, splitOf } from "./testing.ts";
import type { Loader, LoaderOptions } from "./types.ts";

const mean = [0.5, 0.5, 0.5] as const;
const std = [0.25, 0.25, 0.25] as const;
const train = { kind: "train", inputSize: [3, 8, 8], mean, std, reProb: 0.3, reMode: "pixel" } as const;
const preprocess = {
  inputSize: [3, 8, 8],
  interpolation: "bicubic",
  cropPct: 1,
  cropMode: "center",
  mean,
  std,
} as const;

/** Runs with a loader that is disposed of afterwards. */
async function using<T>(options: LoaderOptions, run: (loader: Loader) => Promise<T>): Promise<T> {
  const loader = createLoader(options);
  try {
    return await run(loader);
  } finally {
    await loader.dispose();
  }
}

describe("an epoch", () => {
  const options: LoaderOptions = { split: splitOf(23), transform: train, batchSize: 5, seed: 7, threads: 0 };

  test("has the same batches, bit for bit, with 0, 1 and 2 threads, with a cache and after `from`", async () => {
    const mix = { mixupAlpha: 0.4, cutmixAlpha: 1, mode: "elem" } as const;
    const mixed = { ...options, mix, numClasses: 3 };
    const whole = await using(mixed, (l) => digest(l.epoch(2)));
    expect(whole.length).toBe(5);
    for (const other of [{ threads: 1 }, { threads: 2 }, { threads: 2, cache: true, prefetch: 0 }, { cache: 10_000 }]) {
      await using({ ...mixed, ...other }, async (l) => {
        expect(await digest(l.epoch(2))).toEqual(whole);
        expect(await digest(l.epoch(2, { from: 3 }))).toEqual(whole.slice(3));
        expect(await digest(l.epoch(1))).not.toEqual(whole);
        expect(await digest(l.epoch(2))).toEqual(whole); // now from the cache
      });
    }
  });

  test("goes through every sample once, in another order each time", async () => {
    await using(options, async (l) => {
      const orders: string[] = [];
      for (const epoch of [0, 1]) {
        const seen: number[] = [];
        for await (const { indices, labels } of l.epoch(epoch)) {
          seen.push(...indices);
          expect([...labels]).toEqual([...indices].map((i) => i % 3));
        }
        orders.push(seen.join());
        expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 23 }, (_, i) => i));
      }
      expect(orders[0]).not.toBe(orders[1]);
    });
  });

  test("of evaluation keeps the order and gives evalTransform's floats", async () => {
    const split = splitOf(7, { kinds: ["pixels"] });
    await using({ split, transform: { kind: "eval", preprocess }, batchSize: 4, threads: 1 }, async (l) => {
      const seen: number[] = [];
      for await (const { images, indices, size } of l.epoch(0)) {
        for (let k = 0; k < size; k++) {
          const index = indices[k] as number;
          const expected = evalTransform(preprocess)(noise(12 + (index % 5), 10 + (index % 7), index));
          expect(Array.from(images.subarray(k * 192, (k + 1) * 192))).toEqual(Array.from(expected));
        }
        seen.push(...indices);
      }
      expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6]);
    });
  });

  test("of one channel has Pillow's grey", async () => {
    const split = splitOf(3, { kinds: ["pixels"] });
    const grey: Split = {
      ...split,
      source: () => ({ kind: "pixels", image: { width: 8, height: 8, data: new Uint8Array(192).fill(255) } }),
    };
    await using(
      { split: grey, transform: { kind: "eval", preprocess, channels: 1 }, batchSize: 3, threads: 0 },
      async (l) => {
        for await (const { images } of l.epoch(0)) {
          expect(images.length).toBe(3 * 64);
          expect(new Set(images)).toEqual(new Set([2]));
        }
      },
    );
    await using({ split, transform: { ...train, inputSize: [1, 8, 8] }, batchSize: 3, threads: 0 }, async (l) => {
      expect(l.shape[2]).toBe(1);
      for await (const { images } of l.epoch(0)) expect(images.length).toBe(3 * 64);
    });
  });
});

describe("a JPEG, of which only the crop is decoded", () => {
  const jpeg = fileNamed("rgb.jpg");
  const torn = Buffer.from(jpeg);
  torn.fill(0xff, jpeg.length - 300, jpeg.length - 250); // no damage to the first rows
  const files = [jpeg, fileNamed("grey.jpg"), fileNamed("progressive.jpg"), fileNamed("orientation-6.jpg")];
  const of = (list: readonly Uint8Array[]): Split => ({
    ...splitOf(30),
    source: (i) => ({ kind: "bytes", bytes: list[i % list.length] as Uint8Array }),
  });
  const options: LoaderOptions = { split: of(files), transform: train, batchSize: 6, seed: 5, onBad: "skip" };

  test("gives the transform of the whole", async () => {
    const transform = trainTransform(train);
    await using({ ...options, threads: 1 }, async (l) => {
      for await (const { images, indices, size } of l.epoch(3)) {
        for (let k = 0; k < size; k++) {
          const index = indices[k] as number;
          const image = await decode(files[index % files.length] as Uint8Array);
          const rng = createRng(5).at("augment").at(3).at(index).at(0);
          expect(sha256(images.subarray(k * 192, (k + 1) * 192))).toBe(sha256(transform(image, rng)));
        }
      }
      expect(l.bad).toEqual([]);
    });
  });

  test("is the same with a cache, damaged below the crop or not", async () => {
    const damaged = { ...options, split: of([torn, ...files]) };
    const whole = await using({ ...damaged, threads: 0 }, (l) => digest(l.epoch(1)));
    for (const other of [{ threads: 1 }, { threads: 0, cache: true }, { threads: 2, cache: true }])
      await using({ ...damaged, ...other }, async (l) => {
        await digest(l.epoch(0));
        expect(await digest(l.epoch(1))).toEqual(whole);
        expect(l.bad.length).toBeGreaterThan(0);
      });
  });
});

describe("the last batch", () => {
  const sizes = (options: Partial<LoaderOptions>) =>
    using({ split: splitOf(9), transform: train, batchSize: 4, threads: 0, ...options }, async (l) => {
      const out: number[] = [];
      for await (const { size } of l.epoch(0)) out.push(size);
      expect(out.length).toBe(l.batches);
      return out;
    });

  test("is never of one picture in training, where BatchNorm has nothing to learn from it", async () => {
    expect(await sizes({})).toEqual([4, 4]);
    expect(await sizes({ minLast: 1 })).toEqual([4, 4, 1]);
    expect(await sizes({ split: splitOf(10) })).toEqual([4, 4, 2]);
    expect(await sizes({ split: splitOf(10), dropLast: true })).toEqual([4, 4]);
    expect(await sizes({ transform: { kind: "eval", preprocess } })).toEqual([4, 4, 1]);
    expect(await sizes({ transform: { kind: "eval", preprocess }, shuffle: true })).toEqual([4, 4]);
  });

  test("that is the only one is kept, and dropLast that leaves none is refused", async () => {
    expect(await sizes({ batchSize: 32 })).toEqual([9]);
    expect(() => createLoader({ split: splitOf(9), transform: train, batchSize: 32, dropLast: true })).toThrow(
      "dropLast leaves no batch: expected at least batchSize = 32 images, found 9",
    );
    expect(() => createLoader({ split: splitOf(0), transform: train, batchSize: 4 })).toThrow("has no images");
  });
});

describe("a sample that cannot be decoded", () => {
  const options: LoaderOptions = { split: splitOf(20, { bad: 4 }), transform: train, batchSize: 4, seed: 3 };

  test("ends the pass with its name", async () => {
    for (const threads of [0, 2])
      await using({ ...options, threads }, async (l) => {
        await expect(digest(l.epoch(0))).rejects.toMatchObject({
          name: "ImageError",
          code: "corrupt-image",
          message: expect.stringMatching(/^sample-(3|7|11|15|19): a damaged or cut PNG/),
        });
      });
  });

  test("is stood in for by the same other one whatever the threads, and listed", async () => {
    const skip = { ...options, onBad: "skip" } as const;
    const whole = await using({ ...skip, threads: 0 }, (l) => digest(l.epoch(1)));
    expect(whole.map((line) => line.split(" ")[0])).toEqual(["4", "4", "4", "4", "4"]);
    await using({ ...skip, threads: 2 }, async (l) => {
      expect(await digest(l.epoch(1))).toEqual(whole);
      expect(l.bad.map(({ index }) => index)).toEqual([3, 7, 11, 15, 19]);
      expect(l.bad[0]?.reason).toContain("sample-3: ");
      expect(await digest(l.epoch(1))).toEqual(whole); // all bad ones are known now
    });
    await using({ ...skip, threads: 1 }, async (l) =>
      expect(await digest(l.epoch(1, { from: 3 }))).toEqual(whole.slice(3)),
    );
  });

  test("is left out of an evaluation, even where a batch has no other", async () => {
    const transform = { kind: "eval", preprocess } as const;
    await using({ ...options, transform, onBad: "skip", batchSize: 1, threads: 0 }, async (l) => {
      const seen: number[] = [];
      for await (const { indices } of l.epoch(0)) seen.push(...indices);
      expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => i).filter((i) => i % 4 !== 3));
    });
  });

  test("is an error where there is no good one to stand in", async () => {
    const split = splitOf(4, { bad: 1 });
    await using({ ...options, split, onBad: "skip", threads: 0 }, async (l) => {
      await expect(digest(l.epoch(0))).rejects.toThrow("none of the 4 samples of an epoch can be decoded: sample-0");
    });
  });
});
