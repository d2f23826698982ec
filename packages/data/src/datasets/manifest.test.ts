import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { failure, firstPixels, open, png, rows, tree } from "./testing.ts";

const picture = png();
const pictures = { "img/1.png": picture, "img/2.png": picture, "img/10.png": picture };

describe("a manifest", () => {
  test.each<[string, string]>([
    ["labels.csv", "path,label\nimg/1.png,cat\nimg/2.png,dog\n./img/10.png,cat\n"],
    ["labels.csv", "\uFEFFLabel;File\r\ncat;img/1.png\r\n dog ; img/2.png \r\ncat;img/10.png\r\n\r\n"],
    ["labels.tsv", "filename\tclass\textra\nimg/1.png\tcat\t1\nimg/2.png\tdog\t2\nimg/10.png\tcat\t3"],
    [
      "labels.jsonl",
      '{"image": "img/1.png", "label": "cat"}\n{"label": "dog", "image": "img/2.png"}\n\n{"image": "img/10.png", "label": "cat", "n": [1]}\n',
    ],
    [
      "metadata.ndjson",
      '{"file_name": "img/1.png", "category": "cat"}\n{"file_name": "img/2.png", "category": "dog"}\n{"file_name": "img/10.png", "category": "cat"}',
    ],
    ["quoted.csv", 'path,label\n"img/1.png","cat"\n"img/2.png",dog\nimg/10.png,cat\n'],
  ])("%s names files and classes, in its own order", async (name, text) => {
    const root = tree({ ...pictures, [name]: text });
    for (const path of [root, join(root, name)]) {
      const dataset = await open(path);
      expect(dataset.format).toBe("manifest");
      expect(dataset.classes).toEqual(["cat", "dog"]);
      expect(rows(dataset, dataset.splits.get("all"))).toEqual([
        "img/1.png = cat",
        "img/2.png = dog",
        "img/10.png = cat",
      ]);
      expect(await firstPixels(dataset.splits.get("all") as never)).toEqual(Array(3).fill([0, 255, 0]));
    }
  });

  test("numbers are names, in torchvision's order: 1, 10, 2; with classes.txt beside it they are its lines", async () => {
    const text = "path,label\nimg/1.png,2\nimg/2.png,10\nimg/10.png,1\n";
    expect((await open(tree({ ...pictures, "labels.csv": text }))).classes).toEqual(["1", "10", "2"]);
    const classes = Array.from({ length: 11 }, (_, i) => `class ${i}`);
    const dataset = await open(tree({ ...pictures, "labels.csv": text, "classes.txt": `${classes.join("\n")}\n` }));
    expect(dataset.classes).toEqual(classes);
    expect([0, 1, 2].map((i) => dataset.splits.get("all")?.label(i))).toEqual([2, 10, 1]);
    const error = await failure(open(tree({ ...pictures, "labels.csv": text, "classes.txt": "a\nb\n" })));
    expect(error.code).toBe("label-out-of-range");
    expect(error.message).toMatch(/labels\.csv: line 2 has the label 2, expected 0 to 1: there are 2 classes/);
  });

  test("a column splits it, and so does a file for each split", async () => {
    const column = tree({
      ...pictures,
      "all.csv": "path,label,split\nimg/1.png,a,train\nimg/2.png,b,Train\nimg/10.png,a,validation\n",
    });
    const files = tree({
      ...pictures,
      "train.csv": "path,label\nimg/1.png,a\nimg/2.png,b\n",
      "valid.csv": "path,label\nimg/10.png,a\n",
    });
    for (const root of [column, files]) {
      const dataset = await open(root);
      expect(rows(dataset, dataset.splits.get("train"))).toEqual(["img/1.png = a", "img/2.png = b"]);
      expect(rows(dataset, dataset.splits.get("val"))).toEqual(["img/10.png = a"]);
    }
    const folders = await open(
      tree({
        "train/metadata.csv": "file_name,label\n1.png,a\n",
        "train/1.png": picture,
        "test/metadata.csv": "file_name,label\n1.png,a\n",
        "test/1.png": picture,
      }),
    );
    expect(rows(folders, folders.splits.get("test"))).toEqual(["test/1.png = a"]);
  });

  test("paths with odd letters, from elsewhere and as file URLs are found", async () => {
    const root = tree({ "a/l.csv": "path,label\n../фото ü/a b#1%20.png,x\n", "фото ü/a b#1%20.png": picture });
    const dataset = await open(join(root, "a", "l.csv"));
    expect(dataset.splits.get("all")?.nameOf(0)).toBe("../фото ü/a b#1%20.png");
    expect(await firstPixels(dataset.splits.get("all") as never)).toHaveLength(1);
  });

  test("other columns are taken where they are asked for", async () => {
    const root = tree({ ...pictures, "x.csv": "id,path,species,label\n7,img/1.png,cat,0\n8,img/2.png,dog,1\n" });
    expect((await open(root)).classes).toEqual(["0", "1"]);
    expect((await open(root, { labelColumn: "species" })).classes).toEqual(["cat", "dog"]);
  });

  test("a file that is listed twice counts once, with two classes it is an error", async () => {
    const dataset = await open(tree({ ...pictures, "l.csv": "path,label\nimg/1.png,a\n./img/1.png,a\nimg/2.png,b\n" }));
    expect(dataset.splits.get("all")?.length).toBe(2);
    expect(dataset.skipped).toEqual([{ name: "img/1.png", reason: "listed a second time (line 3)" }]);
    const error = await failure(open(tree({ ...pictures, "l.csv": "path,label\nimg/1.png,a\nimg/1.png,b\n" })));
    expect(error.message).toMatch(/line 3: "img\/1\.png" is "b" here and "a" in .*line 2/);
  });

  test("files that are not there are an error that lists them, or are passed over", async () => {
    const root = tree({
      ...pictures,
      "l.csv": "path,label\nimg/1.png,a\nimg/gone.png,b\nimg/2.png,b\nno/such.png,a\n",
    });
    const error = await failure(open(root));
    expect(error.code).toBe("missing-file");
    expect(error.message).toMatch(
      /line 3: one of 2 files that are not there: "img\/gone\.png", "no\/such\.png".*missing: "skip"/,
    );
    const dataset = await open(root, { missing: "skip" });
    expect(dataset.splits.get("all")?.length).toBe(2);
    expect(dataset.skipped.map(({ name }) => name)).toEqual(["img/gone.png", "no/such.png"]);
  });

  test.each<[string, string, string, string, RegExp]>([
    [
      "no column of labels",
      "l.csv",
      "path,species\nimg/1.png,a\n",
      "missing-column",
      /no column of labels: expected label, class,.* found "path", "species"/,
    ],
    ["no column of pictures", "l.csv", "id,label\n1,a\n", "missing-column", /no column of images/],
    [
      "no header",
      "l.csv",
      "img/1.png,a\nimg/2.png,b\n",
      "missing-column",
      /the first line names a picture.*write "path,label" above/,
    ],
    [
      "a ragged row",
      "l.csv",
      "path,label\nimg/1.png,a\nimg/2.png,b,c\n",
      "bad-manifest",
      /line 3: 3 columns, the header has 2; put text with a comma in quotes/,
    ],
    ["a short row", "l.csv", "path,label\nimg/1.png\n", "bad-manifest", /line 2: 1 columns, the header has 2/],
    ["an open quote", "l.csv", 'path,label\n"img/1.png,a\n', "bad-manifest", /Quote Not Closed/],
    ["an empty label", "l.csv", "path,label\nimg/1.png,\n", "bad-manifest", /line 2: no label in the column "label"/],
    [
      "an empty path",
      "l.jsonl",
      '{"path": "", "label": "a"}',
      "bad-manifest",
      /line 1: no picture in the column "path"/,
    ],
    [
      "a line that is no JSON",
      "l.jsonl",
      '{"path": "img/1.png", "label": "a"}\n{oops',
      "bad-manifest",
      /line 2: no JSON/,
    ],
    ["a line that is a list", "l.jsonl", "[1]", "bad-manifest", /line 1: expected an object/],
    [
      "an unknown split",
      "l.csv",
      "path,label,split\nimg/1.png,a,dev2\n",
      "bad-manifest",
      /line 2: the split "dev2", expected train, val or test/,
    ],
    ["an address", "l.csv", "path,label\nhttps://a.b/c.png,a\n", "bad-manifest", /line 2: "https.*is on a network/],
    ["nothing", "l.csv", "", "bad-manifest", /empty, expected a header such as "path,label"/],
    [
      "a class that only val has",
      "l.csv",
      "path,label,split\nimg/1.png,a,train\nimg/2.png,b,val\n",
      "unknown-class",
      /l\.csv: line 3 is of class "b", which only val has/,
    ],
  ])("with %s says so", async (_, name, text, code, message) => {
    const root = tree({ ...pictures, [name]: text });
    const error = await failure(open(root));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  test("a table that is none beside class folders is a note; several manifests without splits are an error", async () => {
    const notes = await open(tree({ "a/1.png": picture, "b/1.png": picture, "notes.csv": "who,when\nme,now\n" }));
    expect(notes.format).toBe("folder");
    expect(notes.skipped.map(({ name }) => name)).toContain("notes.csv");
    const two = tree({ ...pictures, "one.csv": "path,label\nimg/1.png,a\n", "two.csv": "path,label\nimg/2.png,a\n" });
    expect((await failure(open(two))).message).toMatch(
      /2 manifests \("one\.csv", "two\.csv"\).*open one of them by its path/,
    );
    expect((await open(join(two, "two.csv"))).splits.get("all")?.length).toBe(1);
  });
});
