import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import type { Image } from "../image.ts";
import { resize } from "../resize.ts";
import { noise } from "../testing.ts";
import { inspectDataset } from "./inspect.ts";
import { nearPairs } from "./near.ts";
import { hammingDistance, perceptualHash } from "./perceptual-hash.ts";
import { cases, golden, open, tree } from "./testing.ts";

interface HashCase {
  readonly width: number;
  readonly height: number;
  readonly pixels: string;
  readonly hash: string;
}

test("the perceptual hash is ImageHash's", () => {
  for (const { width, height, pixels, hash } of cases<HashCase[]>("phash")) {
    const found = perceptualHash({ width, height, data: Uint8Array.from(Buffer.from(pixels, "base64")) });
    expect(found.map((word) => word.toString(16).padStart(8, "0")).join("")).toBe(hash);
  }
});

/** A picture that looks like something: coarse noise, enlarged. */
function scene(seed: number, width = 120, height = 90): Image {
  return resize(noise(7, 5, seed), width, height, { filter: "bicubic" });
}

const lookOf = (picture: Image) => ({
  perceptual: perceptualHash(picture),
  thumb: resize(picture, 16, 16, { filter: "box" }).data,
});

test("near pairs are those that comparing all with all finds", () => {
  const looks = Array.from({ length: 700 }, (_, i) => {
    const { data } = resize(noise(6, 6, i % 680), 40, 40, { filter: "bicubic" });
    const step = 2 + (i % 5);
    return lookOf({
      width: 40,
      height: 40,
      data: i < 680 ? data : data.map((v, at) => Math.min(255, v + 9 * (at % step))),
    });
  });
  const { pairs, strict } = nearPairs(looks);
  expect(strict).toBe(false);
  const close: number[][] = [];
  for (const [j, b] of looks.entries())
    for (const [i, a] of looks.slice(0, j).entries())
      if (hammingDistance(a.perceptual, b.perceptual) <= 8) close.push([i, j]);
  expect([...pairs].sort(([a], [b]) => a - b)).toEqual(close.sort(([a], [b]) => (a as number) - (b as number)));
  expect(close.length).toBeGreaterThanOrEqual(18);
});

test("in a set whose pictures all look alike only those count that hardly differ", () => {
  const outline = scene(5, 40, 40).data;
  const shirt = (i: number) => {
    const texture = noise(40, 40, i).data;
    const data = outline.map((v, at) => (v < 128 ? 0 : 200 + ((texture[at] as number) >> 3)));
    return { width: 40, height: 40, data };
  };
  const looks = Array.from({ length: 60 }, (_, i) => lookOf(shirt(i % 59)));
  const { pairs, strict } = nearPairs(looks);
  expect(strict).toBe(true);
  expect(pairs).toContainEqual([0, 59]);
});

describe("inspectDataset", () => {
  const jpeg = ({ width, height, data }: Image, quality = 90) =>
    sharp(data, { raw: { width, height, channels: 3 } })
      .jpeg({ quality })
      .toBuffer();
  let files: Record<string, Uint8Array | string>;
  beforeAll(async () => {
    const [one, two, three] = [await jpeg(scene(1)), await jpeg(scene(2)), await jpeg(scene(3))];
    files = {
      "train/a/1.jpg": one,
      "train/a/again.jpg": one, // exact
      "train/a/2.jpg": two,
      "train/b/2 under another class.jpg": two, // exact, a conflict
      "train/b/3.jpg": three,
      "train/b/4.png": await sharp(scene(4).data, { raw: { width: 120, height: 90, channels: 3 } })
        .toColourspace("b-w")
        .png()
        .toBuffer(),
      "train/b/bad.jpg": three.subarray(0, three.length / 2),
      "val/a/1 saved anew.jpg": await jpeg(scene(1), 40), // near, a leak
      "val/b/3 smaller.jpg": await jpeg(scene(3, 60, 45)), // near, a leak
      "val/b/6.png": await sharp({ create: { width: 9, height: 300, channels: 4, background: "#1238" } })
        .png()
        .toBuffer(),
      "val/a/cmyk.jpg": await sharp(scene(7).data, { raw: { width: 120, height: 90, channels: 3 } })
        .toColourspace("cmyk")
        .jpeg()
        .toBuffer(),
    };
  });

  test("reports copies, conflicts, leaks, broken files, sizes, kinds and modes", async () => {
    const report = await inspectDataset(await open(tree(files)), { threads: 1 });
    const names = (groups: typeof report.duplicates) =>
      groups.map(({ kind, members }) => [kind, ...members.map(({ name }) => name)]);
    expect(report.splits).toEqual([
      { name: "train", samples: 7, perClass: [3, 4] },
      { name: "val", samples: 4, perClass: [2, 2] },
    ]);
    expect(report.imbalance).toBeCloseTo(4 / 3);
    expect(report.bad).toEqual([
      { split: "train", index: 6, name: "train/b/bad.jpg", reason: expect.stringMatching(/^a damaged or cut JPEG/) },
    ]);
    expect(names(report.duplicates)).toEqual([
      ["exact", "train/a/1.jpg", "train/a/again.jpg"],
      ["exact", "train/a/2.jpg", "train/b/2 under another class.jpg"],
      ["near", "train/a/1.jpg", "train/a/again.jpg", "val/a/1 saved anew.jpg"],
      ["near", "train/b/3.jpg", "val/b/3 smaller.jpg"],
    ]);
    expect(names(report.conflicts)).toEqual([["exact", "train/a/2.jpg", "train/b/2 under another class.jpg"]]);
    expect(names(report.leaks)).toEqual([
      ["near", "train/a/1.jpg", "train/a/again.jpg", "val/a/1 saved anew.jpg"],
      ["near", "train/b/3.jpg", "val/b/3 smaller.jpg"],
    ]);
    expect(report.sizes?.width).toEqual({ min: 9, median: 120, max: 120 });
    expect(report.sizes?.height).toEqual({ min: 45, median: 90, max: 300 });
    expect(report.kinds).toEqual({ jpeg: 8, png: 2 });
    expect(report.modes).toEqual({ rgb: 7, cmyk: 1, grey: 1, "rgb alpha": 1 });
  });

  test("says the same with any number of threads", async () => {
    const dataset = await open(tree(files));
    const [none, two] = [await inspectDataset(dataset, { threads: 0 }), await inspectDataset(dataset, { threads: 2 })];
    expect(two).toEqual(none);
  });

  test("looks at raw pixels too", async () => {
    const report = await inspectDataset(await open(tree({ "grey.npz": golden("grey.npz") })), { threads: 0 });
    expect(report.kinds).toEqual({ pixels: 7 });
    expect(report.modes).toEqual({ grey: 7 });
    expect(report.sizes?.pixels).toEqual({ min: 6, median: 6, max: 6 });
  });
});
