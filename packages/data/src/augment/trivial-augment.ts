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
  readonly run: (image: Image, magnitude: number, geometry: { resample: Resample; fill: Rgb }) => Image;
}

/** torchvision's shear goes by degrees and back, which rounds. */
const shearOf = (magnitude: number): number => {
  const degrees = Math.atan(magnitude) * (180 / Math.PI);
  return Math.tan(degrees * (Math.PI / 180));
};

const shear =
  (m: (s: number) => Matrix): Op["run"] =>
  (image, v, geometry) =>
    affine(image, m(shearOf(v)), geometry);

/** torchvision's `_get_inverse_affine_matrix` of a translation about the middle, its roundings included. */
const shift =
  (horizontal: boolean): Op["run"] =>
  (image, v, geometry) => {
    const by = Math.trunc(v);
    const x = image.width * 0.5;
    const y = image.height * 0.5;
    const [tx, ty] = horizontal ? [by, 0] : [0, by];
    return affine(image, [1, 0, -x - tx + x, 0, 1, -y - ty + y], geometry);
  };

const OPS: Readonly<Record<string, Op>> = {
  Identity: { most: 0, signed: false, run: (image) => image },
  ShearX: { most: 0.99, signed: true, run: shear((s) => [1, s, 0, 0, 1, 0]) },
  ShearY: { most: 0.99, signed: true, run: shear((s) => [1, 0, 0, s, 1, 0]) },
  TranslateX: { most: 32, signed: true, run: shift(true) },
  TranslateY: { most: 32, signed: true, run: shift(false) },
  Rotate: { most: 135, signed: true, run: rotate },
  Brightness: { most: 0.99, signed: true, run: (image, v) => adjustBrightness(image, 1 + v) },
  Color: { most: 0.99, signed: true, run: (image, v) => adjustSaturation(image, 1 + v) },
  Contrast: { most: 0.99, signed: true, run: (image, v) => adjustContrast(image, 1 + v) },
  Sharpness: { most: 0.99, signed: true, run: (image, v) => adjustSharpness(image, 1 + v) },
  Posterize: { most: 6, signed: false, run: (image, v) => posterize(image, 8 - Math.round(v)) },
  Solarize: { most: 255, signed: false, run: (image, v) => solarize(image, 255 - v) },
  AutoContrast: { most: 0, signed: false, run: (image) => autocontrast(image) },
  Equalize: { most: 0, signed: false, run: (image) => equalize(image) },
};

const NAMES = Object.keys(OPS);

/** One operation of {@link trivialAugmentWide} at one magnitude. */
export function applyTrivial(
  image: Image,
  name: string,
  bin: number,
  sign: 1 | -1,
  { bins = 31, resample = "nearest", fill = [0, 0, 0] }: TrivialAugmentOptions = {},
): Image {
  const { most, signed, run } = OPS[name] as Op;
  const magnitude = most === 0 || bins === 1 ? 0 : linspace(most, bin, bins, name);
  return run(image, signed ? sign * magnitude : magnitude, { resample, fill });
}

/** torch.linspace in floats: from the nearer end. */
function linspace(most: number, bin: number, bins: number, name: string): number {
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
    const draws = new Draws(rng);
    const name = draws.choice(NAMES);
    const bin = draws.integer(bins);
    return applyTrivial(image, name, bin, draws.integer(2) === 0 ? 1 : -1, options);
  };
}
