import { existsSync } from "node:fs";
import { shared } from "@repo/testing";
import { describe, expect, test } from "vitest";
import { classCounts, stream } from "./split.ts";
import { firstPixels, open } from "./testing.ts";

const bees = shared("data/ants-bees");
const cifar = shared("data/cifar10-jpeg");
const fashion = "/usr/share/datasets/fashion-mnist"; // of Debian's package dataset-fashion-mnist

describe.skipIf(!bees)("ants and bees (skipped where ../shared is absent)", () => {
  test("has its splits, classes and pictures", async () => {
    const dataset = await open(bees as string);
    expect(dataset.classes).toEqual(["ants", "bees"]);
    expect([...dataset.splits.values()].map(({ name, length }) => [name, length])).toEqual([
      ["train", 245],
      ["val", 153],
    ]);
    expect(dataset.splits.get("train")?.nameOf(0)).toBe("train/ants/0013035.jpg");
  });
});

describe.skipIf(!cifar)("CIFAR-10 in shards (skipped where ../shared is absent)", () => {
  test("is opened by its headers in a moment, and streams every picture once, in order", async () => {
    const begin = performance.now();
    const dataset = await open(cifar as string);
    expect(performance.now() - begin).toBeLessThan(15_000); // a second where nothing else runs
    expect(dataset.classes).toEqual("airplane automobile bird cat deer dog frog horse ship truck".split(" "));
    const train = dataset.splits.get("train");
    expect([...classCounts(train as never, 10)]).toEqual(Array(10).fill(5000));
    let next = 0;
    const heldOut = dataset.splits.get("test");
    for await (const { index, source } of stream(heldOut as never)) {
      expect(index).toBe(next++);
      if (index % 1000 === 0) {
        const slice = (await heldOut?.source(index)) as { length: number };
        expect((source as { bytes: Uint8Array }).bytes.length).toBe(slice.length);
      }
    }
    expect(next).toBe(10_000);
  });
});

describe.skipIf(!existsSync(fashion))("Fashion-MNIST (skipped where Debian's package is not installed)", () => {
  test("is told from MNIST by its labels", async () => {
    const dataset = await open(fashion);
    expect(dataset.classes[9]).toBe("Ankle boot");
    const heldOut = dataset.splits.get("test");
    expect(dataset.splits.get("train")?.length).toBe(60_000);
    expect([...classCounts(heldOut as never, 10)]).toEqual(Array(10).fill(1000));
    expect((await firstPixels(heldOut as never)).length).toBe(10_000);
  });
});
