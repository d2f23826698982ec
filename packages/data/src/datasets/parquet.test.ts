import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { openParquet } from "./parquet.ts";
import { colour, failure, firstPixels, golden, open, rows, tree } from "./testing.ts";
import type { Split } from "./types.ts";

const hub = {
  "data/train-00000-of-00002.parquet": golden("train-00000-of-00002.parquet"),
  "data/train-00001-of-00002.parquet": golden("train-00001-of-00002.parquet"),
  "data/validation-00000-of-00001.parquet": golden("validation-00000-of-00001.parquet"),
  "README.md": "a card",
};

describe("Parquet as the hub has it", () => {
  test("has the splits of its names and the classes of its footer, in the file's order", async () => {
    const dataset = await open(tree(hub));
    expect(dataset.format).toBe("parquet");
    expect(dataset.classes).toEqual(["zebra", "ant", "bee"]);
    expect([...dataset.splits.keys()]).toEqual(["train", "val"]);
    expect(rows(dataset, dataset.splits.get("train")).map((row) => row.replace("data/train-", ""))).toEqual([
      "00000-of-00002.parquet#0 = zebra",
      "00000-of-00002.parquet#1 = ant",
      "00000-of-00002.parquet#2 = bee",
      "00000-of-00002.parquet#3 = zebra",
      "00000-of-00002.parquet#4 = ant",
      "00001-of-00002.parquet#0 = bee",
      "00001-of-00002.parquet#1 = bee",
      "00001-of-00002.parquet#2 = zebra",
    ]);
    expect(await firstPixels(dataset.splits.get("train") as never)).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map(colour));
    expect(await firstPixels(dataset.splits.get("val") as never)).toEqual([8, 9].map(colour));
  });

  test("converted by the hub (default/train/0000.parquet), or one file alone, reads the same", async () => {
    const file = golden("train-00001-of-00002.parquet");
    const root = tree({ "default/train/0000.parquet": file, "default/test/0000.parquet": file });
    expect([...(await open(root)).splits.keys()]).toEqual(["train", "test"]);
    const one = await open(join(root, "default/train/0000.parquet"));
    expect([...one.splits.keys()]).toEqual(["all"]);
    expect(await firstPixels(one.splits.get("all") as never)).toEqual([5, 6, 7].map(colour));
  });

  test("a test split whose labels are all -1 has none: it is passed over", async () => {
    const dataset = await open(
      tree({ ...hub, "data/test-00000-of-00001.parquet": golden("test-00000-of-00001.parquet") }),
    );
    expect([...dataset.splits.keys()]).toEqual(["train", "val"]);
    expect(dataset.skipped).toContainEqual({ name: "test", reason: "its labels are all -1, which stands for none" });
    expect((await failure(open(tree({ "test.parquet": golden("test-00000-of-00001.parquet") })))).code).toBe(
      "missing-column",
    );
  });

  test.each(["gzip.parquet", "brotli.parquet", "lz4.parquet"])("any codec and form of the column: %s", async (name) => {
    const dataset = await open(tree({ [name]: golden(name) }));
    expect(await firstPixels(dataset.splits.get("all") as never)).toEqual([0, 1, 2].map(colour));
  });

  test("labels that are text are sorted as torchvision sorts, numbers without names name themselves", async () => {
    const text = await open(tree({ "x.parquet": golden("text-labels.parquet") }));
    expect(text.classes).toEqual(["10", "a", "b"]);
    expect(rows(text, text.splits.get("all")).map((row) => row.split(" = ")[1])).toEqual(["b", "a", "10"]);
    const numbers = await open(tree({ "x.parquet": golden("no-names.parquet") }));
    expect(numbers.classes).toEqual(["0", "1", "2"]);
    expect([0, 1, 2].map((i) => numbers.splits.get("all")?.label(i))).toEqual([2, 0, 1]);
  });

  test("asked for the classes of a model, labels are matched by name", async () => {
    const dataset = await open(tree(hub), { classes: ["bee", "zebra", "ant", "wasp"] });
    expect([0, 1, 2].map((i) => dataset.splits.get("train")?.label(i))).toEqual([1, 2, 0]);
    expect((await failure(open(tree(hub), { classes: ["bee", "zebra"] }))).code).toBe("unknown-class");
  });

  test("what is too large for memory is put aside in a file that goes with the dataset", async () => {
    const parts = Object.keys(hub)
      .filter((path) => path.includes("train"))
      .map((path) => ({ path, split: "train" }));
    const { splits, dispose } = await openParquet({ root: tree(hub), options: {}, skipped: [] }, parts, [], 0);
    const [split] = splits as [Split];
    expect(await firstPixels(split)).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map(colour));
    const source = await split.source(3);
    if (source.kind !== "slice") return expect.unreachable();
    expect(existsSync(source.path)).toBe(true);
    await dispose?.();
    expect(existsSync(dirname(source.path))).toBe(false);
  });

  const good = golden("train-00000-of-00002.parquet");
  test.each<[string, Uint8Array, string, RegExp]>([
    ["cut", good.subarray(0, good.length - 100), "truncated", /whose end is missing/],
    ["of a few bytes", good.subarray(0, 8), "truncated", /8 bytes, too few/],
    [
      "that is none",
      Buffer.from("<html>not found</html>"),
      "corrupt",
      /expected Parquet \("PAR1"\), found a file that begins with "<htm"/,
    ],
    [
      "with a footer that is too long",
      footer(good, 0x7fffffff),
      "corrupt",
      /a footer of 2147483647 bytes in a file of/,
    ],
    ["with a footer that is too short", footer(good, 10), "corrupt", /footer/],
    [
      "with a label outside its classes",
      golden("out-of-range.parquet"),
      "label-out-of-range",
      /x\.parquet#1 has the label 3, expected 0 to 2/,
    ],
    [
      "with lists of labels",
      golden("lists.parquet"),
      "unsupported",
      /"label" holds lists: expected one label a picture/,
    ],
  ])("one %s is an error", async (_, bytes, code, message) => {
    const error = await failure(open(tree({ "x.parquet": bytes })));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  test("a missing file of several, a missing column, and labels taken for pictures are errors that say so", async () => {
    const error = await failure(
      open(tree({ "train-00001-of-00002.parquet": hub["data/train-00001-of-00002.parquet"] })),
    );
    expect(error.code).toBe("missing-file");
    expect(error.message).toMatch(/1 of 2 files are there, missing are "train-00000-of-00002"/);
    const root = tree(hub);
    expect((await failure(open(root, { labelColumn: "species" }))).message).toMatch(
      /no column of labels: expected "species", found "image", "label"/,
    );
    expect((await failure(open(root, { imageColumn: "label" }))).message).toMatch(/"label" holds no encoded pictures/);
  });
});

function footer(bytes: Uint8Array, length: number): Uint8Array {
  const out = Buffer.from(bytes);
  out.writeUInt32LE(length, out.length - 8);
  return out;
}
