import { describe, expect, test } from "vitest";
import { centerCrop, roundHalfEven } from "./crop.ts";
import { cases, noise, sha256 } from "./testing.ts";
import { evalGeometry, evalTransform, normalize, type Preprocess } from "./transform.ts";

interface EvalCase {
  readonly preprocess: Preprocess;
  readonly by: "timm" | "torchvision";
  readonly from: readonly [number, number];
  readonly seed: number;
  readonly sha256: string;
}

const vit: Preprocess = {
  inputSize: [3, 224, 224],
  interpolation: "bicubic",
  cropPct: 0.9,
  cropMode: "center",
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
};

describe("evalTransform gives the floats of", () => {
  test.each(["timm", "torchvision"])("%s, bit for bit", (by) => {
    const all = cases<EvalCase>("eval").filter((c) => c.by === by);
    expect(all.length).toBeGreaterThan(15);
    const wrong = all
      .filter((c) => sha256(evalTransform(c.preprocess)(noise(...c.from, c.seed))) !== c.sha256)
      .map((c) => `${c.from.join("x")} ${JSON.stringify(c.preprocess)}`);
    expect(wrong).toEqual([]);
  });
});

test("the short edge becomes floor(size / cropPct) and the long edge is truncated, not rounded", () => {
  const g = evalGeometry(vit, 500, 375);
  expect(g.resized).toEqual({ width: 330, height: 248 }); // 248 * 500 / 375 = 330.67
  expect(g.region).toEqual({ left: 53, top: 12, width: 224, height: 224 });
});

test("a picture one pixel wide is transformed without making its 1,240,000 rows", () => {
  const out = evalTransform(vit)(noise(1, 5000, 3));
  expect(out.length).toBe(224 * 224 * 3);
  expect(out.every((v) => v >= -1 && v <= 1)).toBe(true);
});

test("border keeps a pixel of a picture so thin that timm rounds it away", () => {
  const out = evalTransform({ ...vit, cropMode: "border", cropPct: 1 })(noise(1, 5000, 3));
  expect(out.every(Number.isFinite)).toBe(true);
});

test("a transform writes into the array it is given", () => {
  const t = evalTransform(vit);
  const batch = new Float32Array(2 * 224 * 224 * 3);
  const half = batch.subarray(batch.length / 2);
  expect(t(noise(30, 20, 5), half)).toBe(half);
  expect(half).toEqual(t(noise(30, 20, 5)));
  expect(() => t(noise(30, 20, 5), batch)).toThrow("expected 224 x 224 x 3 = 150528 numbers, found 301056");
});

test("normalize rounds each step to float32", () => {
  const out = normalize({ width: 1, height: 1, data: Uint8Array.of(0, 128, 255) }, vit);
  expect([...out]).toEqual([-1, Math.fround(Math.fround(Math.fround(128 / 255) - 0.5) / 0.5), 1]);
});

test("round goes to the even neighbour at halves, as Python's", () => {
  expect([0.5, 1.5, 2.5, 3.5, 2.4, 2.6, 7].map(roundHalfEven)).toEqual([0, 2, 2, 4, 2, 3, 7]);
});

test("centerCrop pads a smaller picture, the odd pixel after it", () => {
  const image = { width: 1, height: 1, data: Uint8Array.of(9, 9, 9) };
  const out = centerCrop(image, 2, 2, { fill: [1, 2, 3] });
  expect([...out.data]).toEqual([9, 9, 9, 1, 2, 3, 1, 2, 3, 1, 2, 3]);
});

test("settings that make no sense are refused by name", () => {
  expect(() => evalTransform({ ...vit, cropPct: 0 })).toThrow("cropPct: expected a number above 0, found 0");
  expect(() => evalTransform({ ...vit, cropMode: "fit" as "center" })).toThrow("found fit");
  expect(() => evalTransform({ ...vit, inputSize: [3, 0, 5] })).toThrow("found width 5, height 0");
});
