import type { Rng } from "@vitrail/random";
import type { Rgb } from "../crop.ts";
import { ImageError } from "../errors.ts";
import type { Image } from "../image.ts";
import { affine, type Matrix, type Resample, rotate } from "./affine.ts";
import { Draws } from "./draws.ts";
import { adjustBrightness, adjustContrast, adjustSaturation, adjustSharpness } from "./enhance.ts";
import { autocontrast, equalize, posterize, solarize } from "./lut.ts";

export interface TrivialAugmentOptions {
  /** Values that a magnitude can have. Default 31. */
  readonly bins?: number | undefined;
  /** Of the geometric operations. Default `"nearest"`. */
  readonly resample?: Resample | undefined;
  /** Colour of what lies outside. Default black. */
  readonly fill?: Rgb | undefined;
}

interface Op {
  /** The last bin's magnitude; they go there from 0 in equal steps, in floats. 0: there is but one. */
  readonly most: number;
  readonly signed: boolean;
  readonly run: (image: Image, magnitude: number, geometry: Geometry) => Image;
}

interface Geometry {
  readonly resample: Resample;
  readonly fill: Rgb;
}

/** torchvision's shear goes by degrees and back, which rounds. */
const shearOf = (magnitude: number): number => {
  const degrees = Math.atan(magnitude) * (180 / Math.PI);
  return Math.tan(degrees * (Math.PI / 180));
};

/** torchvision's `_get_inverse_affine_matrix` of a translation about the middle, its roundings included. */
function shift(image: Image, x: number, y: number, geometry: Geometry): Image {
  const middleX = image.width * 0.5;
  const middleY = image.height * 0.5;
  const matrix: Matrix = [1, 0, -middleX - Math.trunc(x) + middleX, 0, 1, -middleY - Math.trunc(y) + middleY];
  return affine(image, matrix, geometry);
}

const OPS = {
  Identity: { most: 0, signed: false, run: (image) => image },
  ShearX: { most: 0.99, signed: true, run: (image, v, how) => affine(image, [1, shearOf(v), 0, 0, 1, 0], how) },
  ShearY: { most: 0.99, signed: true, run: (image, v, how) => affine(image, [1, 0, 0, shearOf(v), 1, 0], how) },
  TranslateX: { most: 32, signed: true, run: (image, v, how) => shift(image, v, 0, how) },
  TranslateY: { most: 32, signed: true, run: (image, v, how) => shift(image, 0, v, how) },
  Rotate: { most: 135, signed: true, run: rotate },
  Brightness: { most: 0.99, signed: true, run: (image, v) => adjustBrightness(image, 1 + v) },
  Color: { most: 0.99, signed: true, run: (image, v) => adjustSaturation(image, 1 + v) },
  Contrast: { most: 0.99, signed: true, run: (image, v) => adjustContrast(image, 1 + v) },
  Sharpness: { most: 0.99, signed: true, run: (image, v) => adjustSharpness(image, 1 + v) },
  Posterize: { most: 6, signed: false, run: (image, v) => posterize(image, 8 - Math.round(v)) },
  Solarize: { most: 255, signed: false, run: (image, v) => solarize(image, 255 - v) },
  AutoContrast: { most: 0, signed: false, run: (image) => autocontrast(image) },
  Equalize: { most: 0, signed: false, run: (image) => equalize(image) },
} as const satisfies Record<string, Op>;

/** An operation by torchvision's name. */
export type TrivialName = keyof typeof OPS;

/** One operation of {@link trivialAugmentWide} at one magnitude. */
export function applyTrivial(
  image: Image,
  name: TrivialName,
  bin: number,
  sign: 1 | -1,
  { bins = 31, resample = "nearest", fill = [0, 0, 0] }: TrivialAugmentOptions = {},
): Image {
  const { most, signed, run } = OPS[name] as Op;
  const magnitude = most === 0 || bins === 1 ? 0 : linspace(most, bin, bins, name);
  return run(image, signed ? sign * magnitude : magnitude, { resample, fill });
}

/** torch.linspace in floats: from the nearer end. */
function linspace(most: number, bin: number, bins: number, name: TrivialName): number {
  if (name === "Posterize") return bin / ((bins - 1) / most);
  const end = Math.fround(most);
  const step = Math.fround(end / (bins - 1));
  if (name === "Solarize") {
    // torchvision counts down from 255.
    const down = bin < bins >> 1 ? Math.fround(255 - Math.fround(step * bin)) : Math.fround(step * (bins - 1 - bin));
    return 255 - down;
  }
  return bin < bins >> 1 ? Math.fround(step * bin) : Math.fround(end - Math.fround(step * (bins - 1 - bin)));
}

/**
 * One operation at one magnitude, all equally likely: torchvision's `TrivialAugmentWide` (https://arxiv.org/abs/2103.10158).
 */
export function trivialAugmentWide(options: TrivialAugmentOptions = {}): (image: Image, rng: Rng) => Image {
  const { bins = 31 } = options;
  if (!Number.isSafeInteger(bins) || bins < 2)
    throw new ImageError("bad-argument", `trivialAugmentWide: expected at least 2 bins, found ${bins}`);
  return (image, rng) => {
    const { name, bin, sign } = drawTrivial(new Draws(rng), bins);
    return applyTrivial(image, name, bin, sign, options);
  };
}

/** What is applied: an operation, one of its magnitudes, and a sign for those that have one. */
export function drawTrivial(draws: Draws, bins: number): { name: TrivialName; bin: number; sign: 1 | -1 } {
  const name = draws.choice(Object.keys(OPS) as TrivialName[]);
  return { name, bin: draws.integer(bins), sign: draws.integer(2) === 0 ? 1 : -1 };
}
