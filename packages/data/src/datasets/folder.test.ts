import { readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { compareNames } from "./names.ts";
import { cases, failure, firstPixels, open, png, rows, tree } from "./testing.ts";

const picture = png();

describe("class folders", () => {
  test("are listed in torchvision's order, classes and samples", async () => {
    const order = cases<{ names: string[]; classes: string[]; first: string[] }>("order");
    expect([...order.names].sort(compareNames)).toEqual(order.classes);
    const paths = ["1.png", "10.png", "2.png", "sub/0.png", "sub/deep/5.png", "sub.png", "a/b.png"];
    const names = order.names.filter((name) => name !== "B"); // many file systems take it for "b"
    const root = tree(Object.fromEntries(names.flatMap((name) => paths.map((path) => [`${name}/${path}`, picture]))));
    const dataset = await open(root);
    expect(dataset.classes).toEqual(order.classes.filter((name) => name !== "B"));
    const all = dataset.splits.get("all");
    expect(rows(dataset, all).slice(0, order.first.length)).toEqual(order.first.map((path) => `${path} = 1`));
    expect(all?.length).toBe(names.length * paths.length);
  });

  test.each([["val"], ["valid"], ["validation"], ["Val"]])(
    "with train and %s are two splits, train's classes for both",
    async (val) => {
      const root = tree({
        "train/b/1.png": picture,
        "train/a/1.png": picture,
        [`${val}/b/1.png`]: picture,
        "test/a/1.png": picture,
      });
      const dataset = await open(root);
      expect([...dataset.splits.keys()]).toEqual(["train", "val", "test"]);
      expect(dataset.classes).toEqual(["a", "b"]);
      expect(rows(dataset, dataset.splits.get("val"))).toEqual([`${val}/b/1.png = b`]);
      expect(await firstPixels(dataset.splits.get("train") as never)).toEqual([
        [0, 255, 0],
        [0, 255, 0],
      ]);
    },
  );

  test("without splits are one, named all, also where a class is called train", async () => {
    const plain = await open(tree({ "cat/1.png": picture, "dog/1.png": picture }));
    expect([...plain.splits.keys()]).toEqual(["all"]);
    const vehicles = await open(tree({ "car/1.png": picture, "plane/1.png": picture, "train/1.png": picture }));
    expect([...vehicles.splits.keys()]).toEqual(["all"]);
    expect(vehicles.classes).toEqual(["car", "plane", "train"]);
    const alone = await open(tree({ "train/1.png": picture }));
    expect(alone.classes).toEqual(["train"]);
  });

  test("may lie in one folder more, as an archive unpacks", async () => {
    const root = tree({ "flowers/rose/1.png": picture, "flowers/tulip/1.png": picture, "flowers/.DS_Store": "x" });
    const dataset = await open(root);
    expect(dataset.classes).toEqual(["rose", "tulip"]);
    expect(dataset.root).toBe(join(root, "flowers"));
    expect(dataset.skipped).toEqual([{ name: ".DS_Store", reason: "a hidden file" }]);
  });

  test("hidden and system files are passed over and said, an empty class is named and not counted (pytorch/vision#2831)", async () => {
    const junk = { ".DS_Store": "x", "Thumbs.db": "x", "desktop.ini": "x" };
    const under = (folder: string) =>
      Object.fromEntries(Object.entries(junk).map(([name, x]) => [`${folder}/${name}`, x]));
    const root = tree({
      "train/a/1.jpg": picture,
      "train/b/1.jpg": picture,
      "train/.ipynb_checkpoints/1-checkpoint.jpg": picture,
      "train/a/.ipynb_checkpoints/1-checkpoint.jpg": picture,
      "train/a/._1.jpg": picture,
      "train/__MACOSX/a/1.jpg": picture,
      "__MACOSX/train/a/1.jpg": picture,
      "train/c/": "",
      ...under("train"),
      ...under("train/a"),
      ...junk,
    });
    const dataset = await open(root);
    expect(dataset.classes).toEqual(["a", "b"]);
    expect(rows(dataset, dataset.splits.get("train"))).toEqual(["train/a/1.jpg = a", "train/b/1.jpg = b"]);
    expect(dataset.skipped.map(({ name }) => name)).toEqual([
      ".DS_Store",
      "Thumbs.db",
      "__MACOSX",
      "desktop.ini",
      "train/.DS_Store",
      "train/.ipynb_checkpoints",
      "train/Thumbs.db",
      "train/__MACOSX",
      "train/a/.DS_Store",
      "train/a/._1.jpg",
      "train/a/.ipynb_checkpoints",
      "train/a/Thumbs.db",
      "train/a/desktop.ini",
      "train/c",
      "train/desktop.ini",
    ]);
    expect(dataset.skipped.find(({ name }) => name === "train/c")?.reason).toBe("a class without a picture");
  });

  test("what is a picture is told by content: one under any name counts, another file is named", async () => {
    const root = tree({
      "a/1": picture,
      "a/2.dat": picture,
      "a/notes.txt": "no picture",
      "b/3.jpg": picture,
      "loose.png": picture,
    });
    const dataset = await open(root);
    expect(rows(dataset, dataset.splits.get("all"))).toEqual(["a/1 = a", "a/2.dat = a", "b/3.jpg = b"]);
    expect(dataset.skipped).toEqual([
      { name: "a/notes.txt", reason: "no picture" },
      { name: "loose.png", reason: "not in the folder of a class" },
    ]);
  });

  test("a class that only validation has is an error that names it", async () => {
    const root = tree({
      "train/a/1.png": picture,
      "train/b/1.png": picture,
      "val/a/1.png": picture,
      "val/fish/1.png": picture,
    });
    const error = await failure(open(root));
    expect(error.code).toBe("unknown-class");
    expect(error.message).toMatch(/val\/fish\/1\.png is of class "fish", which only val has: train has "a", "b"/);
  });

  test("the classes of a model can be asked for, and others are an error", async () => {
    const root = tree({ "a/1.png": picture, "b/1.png": picture });
    const dataset = await open(root, { classes: ["c", "b", "a"] });
    expect(dataset.classes).toEqual(["c", "b", "a"]);
    expect(rows(dataset, dataset.splits.get("all"))).toEqual(["a/1.png = a", "b/1.png = b"]);
    expect(dataset.splits.get("all")?.label(0)).toBe(2);
    const error = await failure(open(root, { classes: ["a", "x"] }));
    expect(error).toMatchObject({ code: "unknown-class" });
    expect(error.message).toContain('"b", which is not among the 2 classes asked for ("a", "x")');
  });

  test("paths with letters outside ASCII, blanks and escapes work, as path and as file URL (onnx/onnx#5761)", async () => {
    const root = tree({ "фото ü 猫/a b#1%20/é/ü#%20.png": picture, "фото ü 猫/a b#1%20/ë/1.png": picture });
    const path = join(root, "фото ü 猫", "a b#1%20");
    for (const form of [path, pathToFileURL(path), pathToFileURL(path).href]) {
      const dataset = await open(form);
      expect(dataset.classes).toEqual(["é", "ë"].sort());
      expect(await firstPixels(dataset.splits.get("all") as never)).toHaveLength(2);
    }
  });

  test("é composed and decomposed are an error within a split, and one class across splits", async () => {
    const [composed, decomposed] = ["caf\u00e9", "cafe\u0301"];
    const both = tree({ [`${composed}/1.png`]: picture, [`${decomposed}/1.png`]: picture, "b/1.png": picture });
    // macOS takes the two for one folder: there is nothing to tell apart
    if (readdirSync(both).length === 3) {
      const error = await failure(open(both));
      expect(error.code).toBe("ambiguous-class");
      expect(error.message).toContain("U+00E9");
      expect(error.message).toContain("U+0065 U+0301");
    }
    const dataset = await open(
      tree({ [`train/${composed}/1.png`]: picture, "train/b/1.png": picture, [`val/${decomposed}/1.png`]: picture }),
    );
    expect(dataset.classes).toEqual(["b", composed]);
    expect(dataset.splits.get("val")?.label(0)).toBe(1);
  });

  test("links count as what they lead to, circles and links to nothing are passed over", async () => {
    const root = tree({
      "data/a/1.png": picture,
      "data/b/": "",
      "elsewhere/2.png": picture,
      "elsewhere/deep/3.png": picture,
    });
    symlinkSync(join(root, "elsewhere"), join(root, "data/b/linked"), "dir");
    symlinkSync(join(root, "elsewhere/2.png"), join(root, "data/b/one.png"));
    symlinkSync(join(root, "elsewhere"), join(root, "data/c"), "dir");
    symlinkSync(join(root, "data/b"), join(root, "data/b/self"), "dir");
    symlinkSync("nowhere.png", join(root, "data/b/gone.png"));
    symlinkSync("circle", join(root, "data/b/circle"));
    const dataset = await open(join(root, "data"));
    expect(rows(dataset, dataset.splits.get("all"))).toEqual([
      "a/1.png = a",
      "b/one.png = b",
      "b/linked/2.png = b",
      "b/linked/deep/3.png = b",
      "c/2.png = c",
      "c/deep/3.png = c",
    ]);
    expect(dataset.skipped).toEqual([
      { name: "b/circle", reason: "a link in a circle" },
      { name: "b/gone.png", reason: "a link to nothing" },
      { name: "b/self", reason: "a link to a folder that it lies in" },
    ]);
  });

  test("a test split without class folders has no labels: it is passed over, a val split is not", async () => {
    const files = { "train/a/1.png": picture, "train/b/1.png": picture };
    const dataset = await open(tree({ ...files, "test/1.png": picture }));
    expect([...dataset.splits.keys()]).toEqual(["train"]);
    expect(dataset.skipped).toContainEqual({
      name: "test",
      reason: "pictures without class folders: there are no labels",
    });
    expect((await failure(open(tree({ ...files, "val/1.png": picture })))).message).toMatch(
      /val: expected a folder for each class/,
    );
  });

  test("a folder beside the splits is named", async () => {
    const dataset = await open(tree({ "train/a/1.png": picture, "val/a/1.png": picture, "extra/1.png": picture }));
    expect(dataset.skipped).toEqual([{ name: "extra", reason: "not one of the splits train, val" }]);
    expect(
      (await failure(open(tree({ "train/a/1.png": picture, "val/a/1.png": picture, "valid/a/1.png": picture })))).code,
    ).toBe("mixed-formats");
  });
});

describe("a folder that is no dataset", () => {
  test.each<[string, Record<string, string | Uint8Array>, string, RegExp]>([
    ["an empty one", {}, "not-a-dataset", /found an empty folder/],
    [
      "one of pictures alone",
      { "1.png": picture, "2.jpg": picture },
      "not-a-dataset",
      /2 pictures and no folder for each class/,
    ],
    ["one of other files", { "a.txt": "x", "b/": "" }, "not-a-dataset", /no picture and none of these in "b", "a.txt"/],
    ["one of empty class folders", { "a/": "", "b/": "" }, "not-a-dataset", /no picture/],
    [
      "one whose class folders hold text",
      { "a/x": "text", "b/y": "text" },
      "no-images",
      /passed over: 4, such as a\/x, no picture/,
    ],
    [
      "one whose train has no picture",
      { "train/a/": "", "val/a/1.png": picture },
      "no-images",
      /training split has no picture/,
    ],
    ["CIFAR's pickles", { data_batch_1: "x", test_batch: "x" }, "unsupported", /get the binary version/],
  ])("%s says what was expected and found", async (_, files, code, message) => {
    const error = await failure(open(tree(files)));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  test("two formats side by side are an error that names both; one can be asked for", async () => {
    const root = tree({ "cat/1.png": picture, "dog/1.png": picture });
    writeFileSync(join(root, "train-000000.tar"), "");
    const error = await failure(open(root));
    expect(error.code).toBe("mixed-formats");
    expect(error.message).toMatch(/webdataset \(train-000000\.tar\) and folder \(cat\/1\.png\) side by side.*format/);
    expect((await open(root, { format: "folder" })).classes).toEqual(["cat", "dog"]);
    expect((await failure(open(root, { format: "npz" }))).message).toMatch(/expected the format npz/);
  });

  test("a path that does not exist, or is another file, is named", async () => {
    const root = tree({ "x.txt": "hello" });
    expect((await failure(open(join(root, "no/such")))).message).toMatch(/no such file or folder$/);
    expect((await failure(open(join(root, "x.txt")))).message).toMatch(
      /expected a folder, or a file of the kinds .csv/,
    );
  });
});
