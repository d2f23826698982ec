import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { failure, firstPixels, golden, idx, open, rows, tree } from "./testing.ts";

const grey = (...values: number[]) => values.map((v) => [v, v, v]);

describe("idx files", () => {
  // three pictures of 2 rows and 3 columns
  const images = idx([3, 2, 3], [...Array(6).fill(10), ...Array(6).fill(20), ...Array(6).fill(30)]);
  const labels = idx([3], [1, 0, 4]);
  const mnist = { "train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels };

  test.each<[string, Record<string, Uint8Array>]>([
    ["MNIST's", { ...mnist, "t10k-images-idx3-ubyte": images, "t10k-labels-idx1-ubyte": labels }],
    [
      "gzipped",
      {
        "train-images-idx3-ubyte.gz": gzipSync(images),
        "train-labels-idx1-ubyte.gz": gzipSync(labels),
        "t10k-images-idx3-ubyte.gz": gzipSync(images),
        "t10k-labels-idx1-ubyte.gz": gzipSync(labels),
      },
    ],
    [
      "EMNIST's",
      {
        "emnist-letters-train-images-idx3-ubyte": images,
        "emnist-letters-train-labels-idx1-ubyte": labels,
        "emnist-letters-test-images-idx3-ubyte": images,
        "emnist-letters-test-labels-idx1-ubyte": labels,
      },
    ],
    [
      "in torchvision's folders",
      {
        "MNIST/raw/train-images-idx3-ubyte": images,
        "MNIST/raw/train-labels-idx1-ubyte": labels,
        "MNIST/raw/t10k-images.idx3-ubyte": images,
        "MNIST/raw/t10k-labels.idx1-ubyte": labels,
      },
    ],
  ])("%s are read", async (_, files) => {
    const dataset = await open(tree(files));
    expect(dataset.format).toBe("idx");
    expect(dataset.classes).toEqual(["0", "1", "2", "3", "4"]);
    expect([...dataset.splits.keys()]).toEqual(["train", "test"]);
    for (const split of dataset.splits.values()) {
      expect(rows(dataset, split).map((row) => row.replace(/.*#/, "#"))).toEqual(["#0 = 1", "#1 = 0", "#2 = 4"]);
      expect(await firstPixels(split)).toEqual(grey(10, 20, 30));
      const { image } = (await split.source(1)) as { image: { width: number; height: number } };
      expect([image.width, image.height]).toEqual([3, 2]);
    }
  });

  test("a single file opens its split", async () => {
    const dataset = await open(
      join(
        tree({ ...mnist, "t10k-images-idx3-ubyte": images, "t10k-labels-idx1-ubyte": labels }),
        "train-labels-idx1-ubyte",
      ),
    );
    expect([...dataset.splits.keys()]).toEqual(["train"]);
  });

  const header = (...bytes: number[]) => ({ ...mnist, "train-images-idx3-ubyte": Uint8Array.from(bytes) });
  const packed = gzipSync(images);
  const big = Buffer.from(images);
  big.writeUInt32BE(0xfffffff0, 4);
  test.each<[string, Record<string, Uint8Array>, string, RegExp]>([
    [
      "cut",
      { ...mnist, "train-images-idx3-ubyte": images.subarray(0, 20) },
      "truncated",
      /20 bytes, expected 34 for 3 x 2 x 3 values/,
    ],
    ["cut in its header", header(0, 0, 8, 3, 0, 0), "truncated", /6 bytes, its header alone takes 16/],
    ["of another kind", header(1, 2, 3, 4, 5), "corrupt", /expected an idx file/],
    ["of floats", header(0, 0, 13, 1, 0, 0, 0, 0), "unsupported", /idx type 13, expected 8/],
    ["of too many dimensions", header(0, 0, 8, 200), "corrupt", /200 dimensions/],
    ["that claims more than it has", { ...mnist, "train-images-idx3-ubyte": big }, "truncated", /expected 25769803696/],
    [
      "without its labels",
      { "train-images-idx3-ubyte": images },
      "missing-file",
      /train-images-idx3-ubyte is there without its labels/,
    ],
    [
      "with another number of labels",
      { ...mnist, "train-labels-idx1-ubyte": idx([2], [0, 1]) },
      "corrupt",
      /2 labels for 3 pictures/,
    ],
    [
      "with labels for pictures",
      { ...mnist, "train-images-idx3-ubyte": labels },
      "corrupt",
      /1 dimensions, expected 3/,
    ],
    [
      "whose gzip is cut",
      { "train-labels-idx1-ubyte": labels, "train-images-idx3-ubyte.gz": packed.subarray(0, packed.length - 12) },
      "truncated",
      /the gzip file is cut: get it again/,
    ],
    [
      "whose gzip is damaged",
      { "train-labels-idx1-ubyte": labels, "train-images-idx3-ubyte.gz": Buffer.from(packed).fill(0xaa, 12, 24) },
      "corrupt",
      /damaged/,
    ],
    [
      "whose gzip holds less than it says",
      { "train-labels-idx1-ubyte": labels, "train-images-idx3-ubyte.gz": gzipSync(images.subarray(0, 20)) },
      "truncated",
      /4 bytes of values, expected 18/,
    ],
    [
      "whose gzip claims what none can hold",
      { "train-labels-idx1-ubyte": labels, "train-images-idx3-ubyte.gz": gzipSync(big) },
      "corrupt",
      /more than gzip can give/,
    ],
  ])("one %s is an error", async (_, files, code, message) => {
    const error = await failure(open(tree(files)));
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });
});

describe("CIFAR's binary version", () => {
  const record = (labels: readonly number[], rgb: readonly [number, number, number]) =>
    Buffer.concat([Buffer.from(labels), ...rgb.map((v) => Buffer.alloc(1024, v))]);
  const ten = {
    "data_batch_1.bin": Buffer.concat([record([1], [10, 11, 12]), record([0], [20, 21, 22])]),
    "data_batch_2.bin": record([2], [30, 31, 32]),
    "test_batch.bin": record([1], [40, 41, 42]),
    "batches.meta.txt": "zebra\nant\nbee\n\n",
    "readme.html": "x",
  };

  test("of 10 classes is read, batch after batch", async () => {
    for (const root of [
      tree(ten),
      tree(Object.fromEntries(Object.entries(ten).map(([k, v]) => [`cifar-10-batches-bin/${k}`, v]))),
    ]) {
      const dataset = await open(root);
      expect(dataset.classes).toEqual(["zebra", "ant", "bee"]);
      const train = dataset.splits.get("train");
      expect(rows(dataset, train)).toEqual([
        "data_batch_1.bin#0 = ant",
        "data_batch_1.bin#1 = zebra",
        "data_batch_2.bin#0 = bee",
      ]);
      expect(await firstPixels(train as never)).toEqual([
        [10, 11, 12],
        [20, 21, 22],
        [30, 31, 32],
      ]);
      expect(await firstPixels(dataset.splits.get("test") as never)).toEqual([[40, 41, 42]]);
    }
  });

  test("of 100 classes has fine labels, and coarse ones where they are asked for", async () => {
    const root = tree({
      "train.bin": Buffer.concat([record([1, 2], [1, 2, 3]), record([0, 0], [4, 5, 6])]),
      "test.bin": record([0, 1], [7, 8, 9]),
      "fine_label_names.txt": "apple\nbear\ncan\n",
      "coarse_label_names.txt": "fruit\nbeast\n",
    });
    const fine = await open(root);
    expect(rows(fine, fine.splits.get("train"))).toEqual(["train.bin#0 = can", "train.bin#1 = apple"]);
    expect(await firstPixels(fine.splits.get("train") as never)).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const coarse = await open(root, { labelColumn: "coarse" });
    expect(rows(coarse, coarse.splits.get("test"))).toEqual(["test.bin#0 = fruit"]);
    expect((await failure(open(root, { labelColumn: "x" }))).message).toMatch(/expected "fine" or "coarse"/);
  });

  test.each<[string, Record<string, Uint8Array | string>, string, RegExp]>([
    [
      "cut",
      { ...ten, "data_batch_2.bin": ten["data_batch_2.bin"].subarray(0, 3000) },
      "truncated",
      /3000 bytes, expected a multiple of 3073/,
    ],
    ["empty", { ...ten, "data_batch_2.bin": "" }, "truncated", /0 bytes/],
    [
      "with a label outside its classes",
      { ...ten, "data_batch_2.bin": record([9], [0, 0, 0]) },
      "label-out-of-range",
      /data_batch_2\.bin#0 has the label 9, expected 0 to 2/,
    ],
  ])("one %s is an error", async (_, files, code, message) => {
    const error = await failure(open(tree(files)));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });
});

describe("an npz archive", () => {
  test("of MedMNIST has three splits, and the classes of its name", async () => {
    const root = tree({ "bloodmnist.npz": golden("bloodmnist.npz") });
    for (const path of [root, join(root, "bloodmnist.npz")]) {
      const dataset = await open(path);
      expect(dataset.format).toBe("npz");
      expect(dataset.classes.slice(0, 2)).toEqual(["basophil", "eosinophil"]);
      expect(rows(dataset, dataset.splits.get("val"))).toEqual([
        "bloodmnist.npz/val_images#0 = eosinophil",
        "bloodmnist.npz/val_images#1 = basophil",
      ]);
      expect(await firstPixels(dataset.splits.get("train") as never)).toEqual(
        [0, 1, 2, 3].map((i) => [10 * i, 255 - 10 * i, 7 * i]),
      );
    }
  });

  test("of grey pictures, and of Keras, is read", async () => {
    const dataset = await open(tree({ "grey.npz": golden("grey.npz") }));
    expect(dataset.classes).toEqual(["0", "1"]);
    expect(await firstPixels(dataset.splits.get("val") as never)).toEqual(grey(100, 110));
    const keras = await open(tree({ "mnist.npz": golden("keras.npz"), "classes.txt": "a\nb\nc" }));
    expect(rows(keras, keras.splits.get("train")).map((row) => row.split(" = ")[1])).toEqual(["c", "a", "b"]);
    expect(await firstPixels(keras.splits.get("test") as never)).toEqual(grey(50));
  });

  const good = golden("grey.npz");
  test.each<[string, Uint8Array, string, RegExp]>([
    ["cut", good.subarray(0, good.length - 40), "truncated", /./],
    ["that is none", Buffer.from("hello, I am no archive"), "corrupt", /./],
    ["that is empty", new Uint8Array(0), "truncated", /empty/],
    ["with several labels a picture", golden("multi-label.npz"), "unsupported", /14 labels a picture/],
    ["of volumes", golden("volumes.npz"), "unsupported", /train_images is \[2, 3, 3, 5\], expected/],
  ])("one %s is an error", async (_, bytes, code, message) => {
    const error = await failure(open(tree({ "x.npz": bytes })));
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });

  test("one of several must be named", async () => {
    const root = tree({ "a.npz": good, "b.npz": good });
    expect((await failure(open(root))).message).toMatch(
      /2 npz archives \("a\.npz", "b\.npz"\): open one of them by its path/,
    );
    expect((await open(join(root, "b.npz"))).splits.size).toBe(3);
  });
});
