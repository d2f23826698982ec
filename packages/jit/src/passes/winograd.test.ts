import { add, conv2d, createRng, relu, type Tensor, type Tensor4D, tensor, useBackend } from "@vitrail/tensor";
import { beforeAll, describe, expect, test } from "vitest";
import { storeHalf } from "../compress/half.ts";
import { opsOf, runGraph, traced } from "../testing.ts";
import { useWinograd } from "./winograd.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

const channels = 64;
const filters = (seed: number, k = 3, to = channels) =>
  tensor(
    createRng(seed)
      .normal(k * k * channels * to)
      .map((v) => v / (k * Math.sqrt(channels))),
    [k, k, channels, to],
  );
const conv = (x: Tensor, w: Tensor, strides: number | [number, number] = 1, pad: "same" | "valid" = "same") =>
  conv2d(x as Tensor4D, w as Tensor4D, strides, pad);

describe("Winograd's convolutions", () => {
  // 16 x 16: 4 x 4 tiles of 4. 17 x 14: a row and columns of them are cut. 7 x 9: tiles of 2.
  test.each([
    [16, 16, "same", 4],
    [17, 14, "same", 4],
    [7, 9, "same", 2],
    [18, 18, "valid", 4],
  ] as const)("%i x %i, %s: tiles of %i, and the same results", async (height, width, pad, m) => {
    const w = filters(1);
    const bias = tensor(createRng(2).normal(channels), [channels]);
    const f = (x: Tensor) => relu(add(conv(x, w, 1, pad), bias));
    const plain = traced(f, [[null, height, width, channels]]);
    const before = opsOf(plain);
    const made = useWinograd(plain);
    expect(opsOf(plain)).toEqual(before);
    expect(opsOf(useWinograd(storeHalf(plain)))).toEqual(expect.arrayContaining(["Cast", ...opsOf(made)]));
    const [transform] = made.nodes.filter(({ op }) => op === "Conv");
    expect(transform?.attrs).toMatchObject({ group: channels, strides: [m, m] });
    const x0 = { dims: [3, height, width, channels], data: createRng(3).normal(3 * height * width * channels) };
    const [a, b] = [await runGraph(plain, { x0 }), await runGraph(made, { x0 })];
    expect(b.output?.dims).toEqual(a.output?.dims);
    const [p, q] = [a.output?.data as Float32Array, b.output?.data as Float32Array];
    const scale = Math.max(...p.map(Math.abs));
    expect(Math.max(...p.map((v, i) => Math.abs(v - (q[i] as number)))) / scale).toBeLessThan(1e-5);
  });

  test("leave alone what they do not fit", () => {
    const plain = (f: (x: Tensor) => Tensor, size = 16) => {
      const graph = traced(f, [[null, size, size, channels]]);
      expect(opsOf(useWinograd(graph))).toEqual(opsOf(graph));
    };
    plain((x) => conv(x, filters(1), 2)); // a stride
    plain((x) => conv(x, filters(1, 1))); // 1 x 1
    plain((x) => conv(x, filters(1, 3, 32))); // few channels
    plain((x) => conv(x, filters(1)), 6); // few tiles
    plain((x) => conv2d(x as Tensor4D, filters(1) as Tensor4D, 1, "same", "NHWC", 2)); // dilated
  });

  test("leave alone filters that are not constant", () => {
    const graph = traced(
      (x, w) => conv(x, w),
      [
        [1, 16, 16, channels],
        [3, 3, channels, channels],
      ],
    );
    expect(opsOf(useWinograd(graph))).toEqual(opsOf(graph));
  });

  test("one constant serves all transforms of a size", () => {
    const f = (x: Tensor) => conv(conv(x, filters(1)), filters(2));
    const made = useWinograd(traced(f, [[1, 16, 16, channels]]));
    const transforms = made.nodes.filter(({ op }) => op === "Conv").map(({ inputs }) => inputs[1]);
    expect(transforms).toHaveLength(2);
    expect(transforms[0]).toBe(transforms[1]);
  });
});
