import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isDatasetError } from "./errors.ts";
import { openDataset } from "./open-dataset.ts";
import { stream } from "./split.ts";
import { golden, idx, png, tarOf, tree } from "./testing.ts";

/** A change to a file: bytes set, a piece cut out, the end cut off, a piece doubled, or a 32-bit number put in. */
type Change = (bytes: Buffer) => Buffer;
const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const changes: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(place, fc.nat(255)).map(
    ([at, value]): Change =>
      (b) => {
        const out = Buffer.from(b);
        out[Math.floor(at * b.length)] = value;
        return out;
      },
  ),
  place.map(
    (at): Change =>
      (b) =>
        b.subarray(0, Math.floor(at * b.length)),
  ),
  fc.tuple(place, fc.nat(64)).map(
    ([at, n]): Change =>
      (b) => {
        const from = Math.floor(at * b.length);
        return Buffer.concat([b.subarray(0, from), b.subarray(from + n)]);
      },
  ),
  fc.tuple(place, fc.nat(64)).map(
    ([at, n]): Change =>
      (b) => {
        const from = Math.floor(at * b.length);
        return Buffer.concat([b.subarray(0, from + n), b.subarray(from)]);
      },
  ),
  fc.tuple(place, fc.constantFrom(0xffffffff, 0x7fffffff, 0x80000000, 0x10000000, 0)).map(
    ([at, value]): Change =>
      (b) => {
        if (b.length < 8) return b;
        const out = Buffer.from(b);
        out.writeUInt32BE(value, Math.floor(at * (b.length - 4)));
        return out;
      },
  ),
);

/** Opens, goes through all samples and asks for each; a DatasetError is a right answer, anything else is thrown. */
async function readAll(path: string): Promise<number> {
  let samples = 0;
  try {
    const dataset = await openDataset(path);
    try {
      for (const split of dataset.splits.values()) {
        for await (const { label } of stream(split)) {
          expect(label).toBeLessThan(dataset.classes.length);
          samples++;
        }
        for (let i = 0; i < split.length; i++) await split.source(i);
      }
    } finally {
      await dataset.dispose();
    }
  } catch (error) {
    if (!isDatasetError(error)) throw error;
    expect(error.message).not.toContain("\n");
  }
  return samples;
}

const images = idx([3, 2, 3], Array(18).fill(7));
const labels = idx([3], [0, 1, 2]);
const record = Buffer.concat([Buffer.from([1]), Buffer.alloc(3072, 5)]);

describe("changed files are read or are a DatasetError, within bounds of time and memory", () => {
  test.each<[string, string, Buffer, Record<string, Uint8Array | string>, number]>([
    ["tar", "x.tar", tarOf({ "0.png": png(), "0.cls": "0", "1.png": png(), "1.json": '{"label": 1}' }), {}, 150],
    ["tar with long names", "x.tar", golden("pax.tar"), {}, 100],
    ["idx", "train-images-idx3-ubyte", images, { "train-labels-idx1-ubyte": labels }, 150],
    ["gzipped idx", "train-images-idx3-ubyte.gz", gzipSync(images), { "train-labels-idx1-ubyte": labels }, 100],
    ["idx labels", "train-labels-idx1-ubyte", labels, { "train-images-idx3-ubyte": images }, 100],
    ["CIFAR", "data_batch_1.bin", Buffer.concat([record, record]), { "batches.meta.txt": "a\nb\n" }, 100],
    ["Parquet (snappy)", "x.parquet", golden("train-00000-of-00002.parquet"), {}, 300],
    ["Parquet (zstd)", "x.parquet", golden("train-00001-of-00002.parquet"), {}, 200],
    ["Parquet (v2, none)", "x.parquet", golden("validation-00000-of-00001.parquet"), {}, 200],
    ["Parquet (v2, lz4)", "x.parquet", golden("lz4.parquet"), {}, 150],
    ["Parquet (brotli)", "x.parquet", golden("brotli.parquet"), {}, 100],
    ["Parquet (gzip)", "x.parquet", golden("gzip.parquet"), {}, 100],
    ["npz", "x.npz", golden("grey.npz"), {}, 100],
    ["compressed npz", "x.npz", golden("bloodmnist.npz"), {}, 100],
  ])("%s", async (_, name, good, others, numRuns) => {
    const root = tree(others);
    const path = join(root, name);
    writeFileSync(path, good);
    expect(await readAll(path)).toBeGreaterThan(0);
    const before = process.memoryUsage().rss;
    let slowest = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(changes, { minLength: 1, maxLength: 3 }), async (list) => {
        writeFileSync(
          path,
          list.reduce((bytes, change) => change(bytes), good),
        );
        const begin = performance.now();
        await readAll(path);
        slowest = Math.max(slowest, performance.now() - begin);
      }),
      { numRuns, seed: 1729 },
    );
    expect(slowest).toBeLessThan(5000);
    expect(process.memoryUsage().rss - before).toBeLessThan(600e6);
  });

  test("a page of Parquet that claims two thousand million values is refused before anything is made for it", async () => {
    // The data page's header in the first group of labels, found by decoding: every number of it that may count values.
    const good = golden("no-names.parquet");
    const root = tree({});
    const path = join(root, "x.parquet");
    for (let at = 4; at < good.length - 8; at++) {
      // a varint of five bytes in place of one number: what a page of 2^31 - 1 values looks like
      const bytes = Buffer.concat([
        good.subarray(0, at),
        Buffer.from([0xfe, 0xff, 0xff, 0xff, 0x0f]),
        good.subarray(at + 1),
      ]);
      if (at % 3 === 0) continue;
      writeFileSync(path, bytes);
      const begin = performance.now();
      await readAll(path);
      expect(performance.now() - begin).toBeLessThan(5000);
    }
  });

  test("gzip that unpacks to more than its header says stays within it", async () => {
    const bomb = gzipSync(Buffer.concat([images, Buffer.alloc(50e6)]));
    const root = tree({ "train-images-idx3-ubyte.gz": bomb, "train-labels-idx1-ubyte": labels });
    expect(await readAll(root)).toBe(3);
    expect(gunzipSync(bomb).length).toBeGreaterThan(50e6);
  });
});
