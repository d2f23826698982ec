import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { memory } from "@vitrail/tensor";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Classifier, createClassifier, type Photo } from "./index.ts";
import { colorConfig, colorWeights, mean_color } from "./testing/mean-color.ts";
import { png } from "./testing/png.ts";

const RED = png(5, 4, [255, 0, 0]);
const GREEN = png(3, 9, [0, 255, 0]);
const BLUE = png(1, 1, [0, 0, 255]);
const BROKEN = RED.slice(0, RED.length >> 1);

let folder: string;
let classifier: Classifier;

beforeAll(async () => {
  folder = join(mkdtempSync(join(tmpdir(), "vitrail-")), "фото ü 猫", "a b#1%20");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "red.png"), RED);
  classifier = await createClassifier({ model: mean_color, weights: colorWeights(3, colorConfig()), backend: "cpu" });
});

afterAll(async () => {
  await classifier.dispose();
  rmSync(join(folder, "..", ".."), { recursive: true });
});

describe("classify", () => {
  test("one photo gives its classes, best first", async () => {
    const answer = await classifier.classify(GREEN);
    expect(answer.map(({ label, index }) => [label, index])).toEqual([
      ["green", 1],
      ["red", 0],
      ["blue", 2],
    ]);
    const e = Math.exp(10);
    expect(answer[0]?.probability).toBeCloseTo(e / (e + 2), 7);
  });

  test("several photos give as many answers, in their order", async () => {
    const answers = await classifier.classify([BLUE, RED, GREEN, RED], { top: 1, batchSize: 3 });
    expect(answers.map((answer) => answer.map(({ label }) => label))).toEqual([["blue"], ["red"], ["green"], ["red"]]);
    expect(await classifier.classify([])).toEqual([]);
  });

  test("more classes than the model has gives all of them; fewer than one is refused", async () => {
    expect(await classifier.classify(RED, { top: 99 })).toHaveLength(3);
    for (const top of [0, -1, 1.5, Number.NaN]) {
      await expect(classifier.classify(RED, { top })).rejects.toMatchObject({ code: "bad-option" });
    }
  });

  test("a path, a file URL, bytes, a blob and pixels give the same answer", async () => {
    const path = join(folder, "red.png");
    const rgba = new Uint8ClampedArray(20 * 4).map((_, i) => (i % 4 === 0 ? 255 : 0)); // alpha 0: dropped, not multiplied in
    const photos: Photo[] = [
      path,
      pathToFileURL(path),
      pathToFileURL(path).href,
      RED,
      Buffer.from(RED),
      RED.slice().buffer,
      new Blob([RED.slice().buffer as ArrayBuffer]),
      `data:image/png;base64,${Buffer.from(RED).toString("base64")}`,
      { width: 5, height: 4, data: rgba },
      { width: 5, height: 4, data: new Uint8Array(60).map((_, i) => (i % 3 === 0 ? 255 : 0)) },
    ];
    const answers = await classifier.classify(photos);
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(answers[0]?.[0]?.label).toBe("red");
  });

  test.each([
    ["bytes that are no image", new Uint8Array([1, 2, 3]), "not-an-image"],
    ["no bytes", new Uint8Array(0), "empty-file"],
    ["half a PNG", BROKEN, "corrupt-image"],
    ["pixels of the wrong length", { width: 2, height: 2, data: new Uint8Array(5) }, "bad-photo"],
    ["pixels without width", { width: 0, height: 2, data: new Uint8Array(0) }, "bad-photo"],
    ["null", null as unknown as Photo, "bad-photo"],
    ["a number", 7 as unknown as Photo, "bad-photo"],
  ])("%s: an error with a code", async (_, photo, code) => {
    await expect(classifier.classify(photo)).rejects.toMatchObject({ code });
  });

  test("a photo that fails among several rejects the call and is named", async () => {
    await expect(classifier.classify([RED, "no/such/photo.jpg", GREEN])).rejects.toThrow("no/such/photo.jpg");
  });

  test("a photo over maxPixels is refused before decoding", async () => {
    await expect(classifier.classify(RED, { maxPixels: 19 })).rejects.toMatchObject({ code: "too-many-pixels" });
    expect(await classifier.classify(RED, { maxPixels: 20 })).toHaveLength(3);
  });

  test("each gives an outcome a photo, and goes on after one that fails", async () => {
    const outcomes = [];
    for await (const outcome of classifier.each([RED, BROKEN, BLUE, "no/such.jpg"], { top: 1, batchSize: 2 })) {
      outcomes.push(outcome.error ? (outcome.error as Error & { code: string }).code : outcome.predictions[0]?.label);
    }
    expect(outcomes).toEqual(["red", "corrupt-image", "blue", "unreadable-file"]);
  });

  test("calls that overlap answer as calls one by one", async () => {
    const photos = Array.from({ length: 30 }, (_, i) => [RED, GREEN, BLUE][i % 3] as Uint8Array);
    const together = await Promise.all(photos.map((photo) => classifier.classify(photo)));
    for (const [i, answer] of together.entries()) expect(answer).toEqual(await classifier.classify(photos[i] as Photo));
  });

  test("leaves no tensor behind, whatever happens", async () => {
    const before = memory().numTensors;
    for (let call = 0; call < 300; call++) {
      const photo = call % 10 === 9 ? BROKEN : RED;
      await classifier.classify(photo).catch(() => undefined);
    }
    const stopped = classifier.each([RED, GREEN, BLUE], { batchSize: 1 });
    await stopped.next();
    await stopped.return();
    expect(memory().numTensors).toBe(before);
  });
});

describe("dispose", () => {
  test("gives back all memory, for every one of many loads", async () => {
    const before = memory();
    for (let i = 0; i < 20; i++) {
      const other = await createClassifier({
        model: mean_color,
        weights: colorWeights(3, colorConfig()),
        threads: i % 5,
      });
      await other.classify(RED);
      await other.dispose();
      await other.dispose();
    }
    expect(memory().numTensors).toBe(before.numTensors);
    expect(memory().numBytes).toBe(before.numBytes);
  });

  test("later calls say that the classifier is gone", async () => {
    const other = await createClassifier({ model: mean_color, weights: colorWeights(3, colorConfig()) });
    const running = expect(other.classify(RED)).rejects.toMatchObject({ code: "disposed" });
    await other.dispose();
    await running;
    await expect(other.classify(RED)).rejects.toMatchObject({ code: "disposed" });
    expect((await classifier.classify(RED))[0]?.label).toBe("red"); // a second model is not touched
  });
});
