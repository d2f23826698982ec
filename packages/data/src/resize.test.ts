import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { crop } from "./crop.ts";
import { type AveragingFilter, axisWeights, type Filter } from "./filters.ts";
import { resampleWasm } from "./resample-wasm.ts";
import { resampleScript, resize, resizeRegion, resizeWindow, windowOf } from "./resize.ts";
import { cases, noise, sha256 } from "./testing.ts";

interface ResizeCase {
  readonly from: readonly [number, number];
  readonly to: readonly [number, number];
  readonly filter: Filter;
  readonly seed: number;
  readonly extreme: boolean;
  readonly sha256: string;
}

const filters: readonly Filter[] = ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"];

describe("resize gives Pillow's bytes", () => {
  const all = cases<ResizeCase>("resize");
  test.each(filters)("for %s, enlarging and shrinking, at odd sizes and single rows and columns", (filter) => {
    const wrong = all
      .filter((c) => c.filter === filter)
      .filter((c) => sha256(resize(noise(...c.from, c.seed, c.extreme), ...c.to, { filter }).data) !== c.sha256)
      .map((c) => `${c.from.join("x")} to ${c.to.join("x")}`);
    expect(wrong).toEqual([]);
  });

  test("on a ramp of 16 pixels shrunk to 5 (pytorch/vision#2950)", () => {
    const data = Uint8Array.from({ length: 48 }, (_, i) => Math.floor(i / 3) * 17);
    const red = (filter: Filter): number[] =>
      [...resize({ width: 16, height: 1, data }, 5, 1, { filter }).data].filter((_, i) => i % 3 === 0);
    expect(red("bilinear")).toEqual([24, 73, 128, 182, 231]);
    expect(red("bicubic")).toEqual([20, 72, 127, 183, 235]);
  });
});

const averaging: readonly AveragingFilter[] = ["box", "bilinear", "hamming", "bicubic", "lanczos"];

test("the passes in WebAssembly and in JavaScript give the same bytes", () => {
  const side = fc.integer({ min: 1, max: 70 });
  fc.assert(
    fc.property(side, side, side, side, fc.nat(), fc.constantFrom(...averaging), (w, h, ow, oh, seed, filter) => {
      const { data } = noise(w, h, seed, seed % 2 === 0);
      const rows = { data, offset: 0, stride: w * 3, rows: h, width: ow };
      const across = axisWeights(filter, w, ow, 0, ow);
      const down = axisWeights(filter, h, oh, 0, oh);
      const inWasm = resampleWasm(rows, across, down, 0);
      expect(inWasm).toBeDefined();
      expect(inWasm).toEqual(resampleScript(rows, across, down, 0));
    }),
    { numRuns: 200 },
  );
});

test("a picture too large for WebAssembly's memory is resized in JavaScript, to the same bytes", () => {
  const tall = noise(3, 1000, 5);
  const out = resize(tall, 24_000, 1000, { filter: "bilinear" }); // 72 MB
  const part = resizeRegion(tall, 24_000, 1000, { left: 500, top: 30, width: 700, height: 90 }, { filter: "bilinear" });
  expect(crop(out, { left: 500, top: 30, width: 700, height: 90 })).toEqual(part);
});

const size = fc.integer({ min: 1, max: 40 });

test("a region of a resize is the same bytes as a crop of the whole resize", () => {
  fc.assert(
    fc.property(
      fc.record({ w: size, h: size, ow: size, oh: size, seed: fc.nat(), filter: fc.constantFrom(...filters) }),
      fc.tuple(fc.double({ min: 0, max: 0.99, noNaN: true }), fc.double({ min: 0, max: 0.99, noNaN: true })),
      ({ w, h, ow, oh, seed, filter }, [fx, fy]) => {
        const image = noise(w, h, seed);
        const left = Math.floor(fx * ow);
        const top = Math.floor(fy * oh);
        const region = { left, top, width: ow - left, height: Math.max(1, Math.floor((oh - top) / 2)) };
        const whole = crop(resize(image, ow, oh, { filter }), region);
        expect(resizeRegion(image, ow, oh, region, { filter })).toEqual(whole);
      },
    ),
    { numRuns: 150 },
  );
});

test("a picture of one colour keeps it at every size", () => {
  fc.assert(
    fc.property(size, size, size, size, fc.nat(255), fc.constantFrom(...filters), (w, h, ow, oh, v, filter) => {
      const out = resize({ width: w, height: h, data: new Uint8Array(w * h * 3).fill(v) }, ow, oh, { filter });
      expect(out.data.every((x) => x === v)).toBe(true);
    }),
    { numRuns: 100 },
  );
});

test("the result never shares memory with the picture, even at the same size", () => {
  const image = noise(5, 4, 1);
  const out = resize(image, 5, 4);
  expect(out.data).toEqual(image.data);
  out.data[0] = 255 - (out.data[0] as number);
  expect(out.data[0]).not.toBe(image.data[0]);
});

test("nonsense is refused in one line that names it", () => {
  const image = noise(4, 4, 1);
  expect(() => resize(image, 0, 4)).toThrow("expected whole numbers of at least 1, found width 0, height 4");
  expect(() => resize(image, 4.5, 4)).toThrow("found width 4.5");
  expect(() => resize(image, 4, 4, { filter: "cubic" as Filter })).toThrow('found "cubic"');
  expect(() => resize({ ...image, width: 5 }, 4, 4)).toThrow("expected 5 x 4 x 3 = 60 bytes, found 48");
  expect(() => resizeRegion(image, 8, 8, { left: 4, top: 0, width: 5, height: 8 })).toThrow("expected a part of 8 x 8");
});

test("a window of a picture gives the same pixels as all of it", () => {
  const sides = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }));
  const inside = fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }));
  fc.assert(
    fc.property(sides, sides, inside, inside, fc.constantFrom(...filters), ([w, h], [W, H], [x, y], [u, v], filter) => {
      const image = { width: w, height: h, data: Uint8Array.from({ length: w * h * 3 }, (_, i) => (i * 37) % 251) };
      const [left, top] = [Math.floor(x * (W - 1)), Math.floor(y * (H - 1))];
      const region = {
        left,
        top,
        width: 1 + Math.floor(u * (W - left - 1)),
        height: 1 + Math.floor(v * (H - top - 1)),
      };
      const part = windowOf({ width: w, height: h }, W, H, region, filter);
      const window = { image: crop(image, part), left: part.left, top: part.top, width: w, height: h };
      expect(resizeWindow(window, W, H, region, { filter })).toEqual(resizeRegion(image, W, H, region, { filter }));
    }),
    { seed: 7, numRuns: 300 },
  );
});
