import { expect, test } from "vitest";
import { affine, affineScript, type Matrix } from "./affine.ts";
import { blurScript, boxOf, gaussianBlur } from "./blur.ts";
import { adjustSaturation, adjustSharpness, saturationScript, sharpnessScript } from "./enhance.ts";
import { adjustHue, hueScript } from "./hue.ts";
import { pictures } from "./testing.ts";

const images = (["noise", "scene"] as const).flatMap((name) =>
  [
    [1, 1],
    [3, 2],
    [3, 3],
    [5, 4],
    [1, 40],
    [29, 1],
    [16, 16],
    [37, 23],
  ].map(([w, h], i) => pictures[name](w as number, h as number, i)),
);

test("WebAssembly and JavaScript give the same bytes", () => {
  const matrices: Matrix[] = [
    [1, 0.2, 0, 0, 1, 0],
    [1, 0, 0, -0.3, 1, 0],
    [1, 0, 3.4, 0, 1, 0],
    [1, 0, 0, 0, 1, -2.6],
    [0.9, 0.3, -1, -0.2, 1.1, 2],
    [0.3, 0, 1, 0, 2.5, -4],
  ];
  for (const image of images) {
    for (const factor of [0, 0.3, 1.7, 8])
      expect(adjustSaturation(image, factor).data).toEqual(saturationScript(image, factor));
    for (const factor of [-0.5, -0.2, 0, 0.13, 0.5])
      expect(adjustHue(image, factor).data).toEqual(hueScript(image, Math.trunc(factor * 255)));
    if (image.width >= 3 && image.height >= 3)
      for (const factor of [0, 0.3, 1.7, 8])
        expect(adjustSharpness(image, factor).data).toEqual(sharpnessScript(image, factor));
    for (const sigma of [0.1, 0.8, 2, 9]) {
      const { whole, inner, outer } = boxOf(sigma);
      expect(gaussianBlur(image, sigma).data).toEqual(blurScript(image, whole, inner, outer));
    }
    for (const matrix of matrices)
      for (const resample of ["bilinear", "bicubic"] as const)
        expect(affine(image, matrix, { resample, fill: [9, 8, 7] })).toEqual(
          affineScript(image, matrix, resample, [9, 8, 7]),
        );
  }
});
