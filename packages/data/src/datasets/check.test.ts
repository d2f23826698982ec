import { unlinkSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { noise } from "../testing.ts";
import { checkSamples, findCopies, overlap } from "./check.ts";
import { examineAll } from "./examiner.ts";
import { golden, open, png, tarOf, tree } from "./testing.ts";

let jpeg: Buffer;
beforeAll(async () => {
  const { data, width, height } = noise(128, 128, 1);
  jpeg = await sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg()
    .toBuffer();
});

/** Eight good JPEGs, an empty one, a text, a half, and a PNG named .jpg (keras-team/keras#8686). */
function mixed(): string {
  const good = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`${i % 2 ? "a" : "b"}/${i}.jpg`, jpeg]));
  return tree({
    ...good,
    "a/empty.jpg": "",
    "a/text.jpg": "I am no picture",
    "b/half.jpg": jpeg.subarray(0, jpeg.length / 2),
    "b/really.jpg": png(),
  });
}

const expected = [
  { index: 4, name: "a/empty.jpg", reason: expect.stringMatching(/^the file is empty/) },
  { index: 5, name: "a/text.jpg", reason: expect.stringMatching(/^expected JPEG, PNG/) },
  { index: 10, name: "b/half.jpg", reason: expect.stringMatching(/^a damaged or cut JPEG/) },
];

describe("checkSamples", () => {
  test.each([[0], [1], [3]])(
    "names the bad pictures before training begins, with %s threads (keras-team/keras#8686)",
    async (threads) => {
      const dataset = await open(mixed());
      const seen: number[] = [];
      const bad = await checkSamples(dataset.splits.get("all") as never, {
        threads,
        onProgress: (done, total) => seen.push(done / total),
      });
      expect(bad).toEqual(expected);
      expect(seen.at(-1)).toBe(1);
    },
  );

  test("looks into shards and Parquet files, and passes over raw pixels", async () => {
    const shard = tarOf({
      "0.jpg": jpeg,
      "0.cls": "0",
      "1.jpg": jpeg.subarray(0, 900),
      "1.cls": "1",
      "2.png": png(),
      "2.cls": "1",
    });
    const shards = await open(tree({ "x.tar": shard }));
    expect(await checkSamples(shards.splits.get("all") as never, { threads: 1 })).toEqual([
      { index: 1, name: "x.tar/1.jpg", reason: expect.stringMatching(/damaged or cut/) },
    ]);
    const parquet = await open(tree({ "x.parquet": golden("no-names.parquet") }));
    expect(await checkSamples(parquet.splits.get("all") as never, { threads: 1 })).toEqual([]);
    const pixels = await open(tree({ "x.npz": golden("grey.npz") }));
    expect(await checkSamples(pixels.splits.get("train") as never)).toEqual([]);
  });

  test("a damaged part of a Parquet file costs its own pictures only", async () => {
    const bytes = Buffer.from(golden("train-00000-of-00002.parquet"));
    bytes.fill(0xff, 4, 40); // the first group's pictures
    const dataset = await open(tree({ "x.parquet": bytes }));
    const bad = await checkSamples(dataset.splits.get("all") as never, { threads: 0 });
    expect(bad.map(({ name }) => name)).toEqual(["x.parquet#0", "x.parquet#1"]);
    expect(bad[0]?.reason).toMatch(/x\.parquet: row group 0, column "image"/);
  });

  test("a file that goes away is bad, by its name", async () => {
    const root = mixed();
    const dataset = await open(root);
    unlinkSync(join(root, "a/1.jpg"));
    const bad = await checkSamples(dataset.splits.get("all") as never, { threads: 1 });
    expect(bad[0]).toEqual({ index: 0, name: "a/1.jpg", reason: expect.stringMatching(/no such file/) });
    expect(bad).toHaveLength(4);
  });

  test("a picture of more than maxPixels is bad", async () => {
    const dataset = await open(tree({ "a/1.jpg": jpeg, "b/2.png": png() }));
    const bad = await checkSamples(dataset.splits.get("all") as never, { threads: 1, maxPixels: 100 });
    expect(bad).toEqual([
      { index: 0, name: "a/1.jpg", reason: expect.stringMatching(/^128 x 128 = 16384 pixels, more than/) },
    ]);
  });

  test("a signal ends it with its reason", async () => {
    const dataset = await open(mixed());
    const end = new AbortController();
    const check = checkSamples(dataset.splits.get("all") as never, { threads: 1, signal: end.signal });
    end.abort(new Error("enough"));
    await expect(check).rejects.toThrow("enough");
    await expect(checkSamples(dataset.splits.get("all") as never, { threads: -1 })).rejects.toThrow(
      /threads: expected/,
    );
  });
});

describe("overlap", () => {
  test("finds exact copies across splits, whatever they are called", async () => {
    const dataset = await open(
      tree({
        "train/a/1.png": png(1),
        "train/a/2.png": png(2),
        "train/b/3.png": png(3),
        "val/a/x.jpg": png(2),
        "val/b/y.png": png(4),
        "val/b/z.png": png(2),
      }),
    );
    const [train, val] = [dataset.splits.get("train"), dataset.splits.get("val")] as never[];
    for (const threads of [0, 2]) {
      const found = await overlap(train as never, val as never, { threads });
      expect(found).toEqual([{ train: [1], val: [0, 2], hash: expect.stringMatching(/^[0-9a-f]{64}$/) }]);
    }
  });

  test("and within one, where they are asked for", async () => {
    const dataset = await open(
      tree({
        "train/a/1.png": png(1),
        "train/a/2.png": png(2),
        "train/b/3.png": png(1),
        "val/a/4.png": png(2),
        "val/b/5.png": png(5),
        "val/b/6.png": png(5),
        "val/b/7.png": "",
        "val/b/8.png": "no picture",
      }),
    );
    const found = await findCopies([...dataset.splits.values()], { threads: 2 });
    expect(found.map(({ places }) => places.map(({ split, index }) => [split, index]))).toEqual([
      [
        [0, 0],
        [0, 2],
      ],
      [
        [0, 1],
        [1, 0],
      ],
      [
        [1, 1],
        [1, 2],
      ],
    ]);
  });

  test("compares pixels where there are no files", async () => {
    const dataset = await open(tree({ "x.npz": golden("grey.npz") }));
    const train = dataset.splits.get("train") as never;
    expect(await overlap(train, dataset.splits.get("val") as never, { threads: 0 })).toEqual([]);
  });
});

test("a thread that is lost costs the picture that cost it, and no other", async () => {
  const dataset = await open(tree({ "a/1.png": png(1), "a/2.png": png(2), "b/3.png": png(3) }));
  const reasons: (string | undefined)[] = [];
  const folder = tree({
    "killer.mjs":
      'import { parentPort } from "node:worker_threads"; parentPort.on("message", (tasks) => { if (tasks.some(({ name }) => name === "a/2.png")) process.exit(7); parentPort.postMessage(tasks.map(() => ({}))); });',
  });
  await examineAll(
    [...dataset.splits.values()],
    "decode",
    { threads: 1 },
    (_, i, { reason }) => (reasons[i] = reason),
    pathToFileURL(join(folder, "killer.mjs")),
  );
  expect(reasons).toEqual([undefined, "the thread that decoded it ended with exit code 7", undefined]);
});
