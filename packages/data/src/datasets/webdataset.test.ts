import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { failure, firstPixels, golden, open, png, rows, tarOf, tree } from "./testing.ts";

const sample = (key: string, label: string, i = 0) => ({ [`${key}.png`]: png(i), [`${key}.cls`]: label });

describe("tar shards", () => {
  const shards = {
    "birds-train-000000.tar": tarOf({ ...sample("0", "0"), ...sample("1", "1") }),
    "birds-train-000001.tar": tarOf(sample("2", "2\n")),
    "birds-val-000000.tar": tarOf(sample("0", "1")),
  };

  test("with numbers keep them, and are named by classes.txt", async () => {
    const more = await open(tree({ ...shards, "classes.txt": "zebra\nant\nbee\nwasp\n" }));
    expect(more.classes).toHaveLength(4); // the numbers stay what they are
    expect(more.skipped).toEqual([{ name: "wasp", reason: "a class without a picture in train" }]);
    const plain = await open(tree(shards));
    expect(plain.format).toBe("webdataset");
    expect(plain.classes).toEqual(["0", "1", "2"]);
    const dataset = await open(tree({ ...shards, "classes.txt": "zebra\nant\nbee\n" }));
    expect(dataset.classes).toEqual(["zebra", "ant", "bee"]);
    expect(rows(dataset, dataset.splits.get("train"))).toEqual([
      "birds-train-000000.tar/0.png = zebra",
      "birds-train-000000.tar/1.png = ant",
      "birds-train-000001.tar/2.png = bee",
    ]);
    expect(rows(dataset, dataset.splits.get("val"))).toEqual(["birds-val-000000.tar/0.png = ant"]);
    expect(await firstPixels(dataset.splits.get("train") as never)).toEqual(Array(3).fill([0, 255, 0]));
  });

  test("in folders for each split, or one alone, are found", async () => {
    const one = tarOf(sample("0", "0"));
    const folders = await open(tree({ "train/000000.tar": one, "valid/000000.tar": one }));
    expect([...folders.splits.keys()]).toEqual(["train", "val"]);
    const root = tree({ "shard.tar": one, "other.txt": "x" });
    for (const path of [root, join(root, "shard.tar")]) expect([...(await open(path)).splits.keys()]).toEqual(["all"]);
  });

  test("with names are sorted as torchvision sorts, also from JSON", async () => {
    const json = (label: unknown) => JSON.stringify({ caption: "x", label });
    const dataset = await open(
      tree({
        "a.tar": tarOf({
          ...sample("0", "zebra"),
          ...sample("1", "ant"),
          "2.png": png(),
          "2.json": json("bee"),
          "3.png": png(),
          "3.json": json("ant"),
          "3.txt": "a caption that is long enough",
        }),
      }),
    );
    expect(dataset.classes).toEqual(["ant", "bee", "zebra"]);
    expect(rows(dataset, dataset.splits.get("all")).map((row) => row.split(" = ")[1])).toEqual([
      "zebra",
      "ant",
      "bee",
      "ant",
    ]);
  });

  test.each(["gnu.tar", "pax.tar", "ustar.tar"])("of Python's tarfile read, long names and all: %s", async (name) => {
    const dataset = await open(tree({ [name]: golden(name) }));
    const names = rows(dataset, dataset.splits.get("all"));
    expect(names[0]).toBe(`${name}/a.b/000.png = 0`);
    expect(names[1]).toBe(
      name === "ustar.tar"
        ? `${name}/${"f".repeat(90)}/${"g".repeat(40)}.png = 1`
        : `${name}/${"folder/".repeat(20)}имя.png = 1`,
    );
    if (name === "pax.tar") expect(names[2]).toBe("pax.tar/ключ.png = 1");
    expect((await firstPixels(dataset.splits.get("all") as never)).slice(0, 2)).toEqual([
      [0, 255, 0],
      [10, 245, 7],
    ]);
  });

  test("a picture is told by content, hidden files and samples that lack something are named", async () => {
    const dataset = await open(
      tree({
        "a.tar": tarOf({
          "0.dat": png(),
          "0.cls": "0",
          "._1.png": png(),
          "__MACOSX/2.png": png(),
          "3.png": png(),
          "4.cls": "1",
          "5.txt": "only a caption, no picture",
        }),
      }),
    );
    expect(rows(dataset, dataset.splits.get("all"))).toEqual(["a.tar/0.dat = 0"]);
    expect(dataset.skipped).toEqual([
      { name: "a.tar/._1.png", reason: "a hidden or system file" },
      { name: "a.tar/3.png", reason: "no label (cls, label or json)" },
      { name: "a.tar/4", reason: "no picture" },
      { name: "a.tar/5", reason: "no picture" },
      { name: "a.tar/__MACOSX/2.png", reason: "a hidden or system file" },
    ]);
  });

  test.each<[string, Uint8Array, string, RegExp]>([
    [
      "cut inside a picture",
      tarOf(sample("0", "0")).subarray(0, 540),
      "truncated",
      /"0\.png" has \d+ bytes and the archive ends before them/,
    ],
    ["cut inside a header", tarOf(sample("0", "0")).subarray(0, 1024 + 100), "truncated", /cut inside a header/],
    [
      "with a damaged header",
      damaged(tarOf(sample("0", "0")), 3),
      "corrupt",
      /expected a tar header, found other bytes: the archive is damaged \(at byte 0/,
    ],
    ["that is gzip", Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0), "unsupported", /gunzip/],
    ["that is empty", new Uint8Array(0), "no-images", /no picture in it/],
    ["without labels", tarOf({ "a/0.png": png() }), "missing-column", /expected "a\/0\.cls" beside "a\/0"/],
    [
      "with two pictures a sample",
      tarOf({ ...sample("0", "0"), "0.jpg": png() }),
      "unsupported",
      /"0\.jpg" is a second picture beside \.png/,
    ],
    [
      "with one label twice",
      tarOf([
        ["0.png", png()],
        ["0.cls", "0"],
        ["0.cls", "1"],
      ]),
      "corrupt",
      /is there twice/,
    ],
    ["with an empty label", tarOf(sample("0", " ")), "corrupt", /"0\.cls" is empty/],
    ["with JSON that is none", tarOf({ "0.png": png(), "0.json": "{" }), "corrupt", /is no JSON/],
    [
      "with a label that no set of classes has",
      tarOf(sample("0", "123456789")),
      "label-out-of-range",
      /has the label 123456789, expected 0 to 999999/,
    ],
    ["with a label below 0", tarOf(sample("0", "-1")), "label-out-of-range", /a\.tar\/0\.png has the label -1/],
  ])("one %s is an error", async (_, bytes, code, message) => {
    const error = await failure(open(tree({ "a.tar": bytes })));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  test("a label outside classes.txt is an error that names the sample", async () => {
    const error = await failure(open(tree({ ...shards, "classes.txt": "a\nb\n" })));
    expect(error.message).toMatch(
      /birds-train-000001\.tar\/2\.png has the label 2, expected 0 to 1: there are 2 classes/,
    );
    expect((await failure(open(tree({ ...shards, "classes.txt": "a\n\nb\n" })))).message).toMatch(
      /classes\.txt: line 2 is empty/,
    );
  });
});

function damaged(bytes: Uint8Array, at: number): Uint8Array {
  const out = Uint8Array.from(bytes);
  out[at] = (out[at] as number) ^ 0xff;
  return out;
}
