import { expect, test } from "vitest";
import type { Image } from "../image.ts";
import { affine, rotate } from "./affine.ts";
import { gaussianBlur } from "./blur.ts";
import { adjustBrightness, adjustContrast, adjustSaturation, adjustSharpness } from "./enhance.ts";
import { hflip, vflip } from "./flip.ts";
import { toGrayscale } from "./grayscale.ts";
import { adjustHue } from "./hue.ts";
import { autocontrast, equalize, invert, posterize, solarize, solarizeAdd } from "./lut.ts";
import { padWith } from "./pad.ts";
import { goldens, pictures, short } from "./testing.ts";
import { applyTrivial } from "./trivial-augment.ts";

interface PixelCase {
  readonly op: string;
  readonly args: readonly unknown[];
  readonly picture: "noise" | "scene";
  readonly size: readonly [number, number];
  readonly seed: number;
  readonly sha256: string;
}

type Op = (image: Image, ...args: never[]) => Image;
const ops: Readonly<Record<string, Op>> = {
  adjustBrightness,
  adjustContrast,
  adjustHue,
  adjustSaturation,
  adjustSharpness,
  affine,
  autocontrast,
  equalize,
  gaussianBlur,
  hflip,
  invert,
  padWith,
  posterize,
  rotate,
  solarize,
  solarizeAdd,
  toGrayscale,
  trivial: (image, name, bin, sign, fill) => applyTrivial(image, name, bin, sign, { fill: fill ?? [0, 0, 0] }),
  vflip,
};
const all = goldens<PixelCase>("pixels");

test.each([...new Set(all.map(({ op }) => op))])("%s gives the bytes of Pillow, torchvision or timm", (name) => {
  const wrong: string[] = [];
  for (const { op, args, picture, size, seed, sha256 } of all) {
    if (op !== name) continue;
    const image = pictures[picture](...size, seed);
    const before = short(image.data);
    const result = (ops[op] as (image: Image, ...args: readonly unknown[]) => Image)(image, ...args);
    if (short(result.data) !== sha256) wrong.push(`${picture} ${size.join("x")} ${JSON.stringify(args)}`);
    if (short(image.data) !== before) wrong.push(`${picture} ${size.join("x")}: the picture itself was changed`);
  }
  expect(wrong).toEqual([]);
});
