/**
 * The operations of timm's auto_augment.py by name, and what a magnitude from 0 to 10 (or beyond) means for each. Those called
 * Increasing do more with more magnitude, the others as the papers' code has it.
 */
import type { Rgb } from "../crop.ts";
import { ImageError } from "../errors.ts";
import type { Image } from "../image.ts";
import { affine, type Resample, rotate } from "./affine.ts";
import { gaussianBlur } from "./blur.ts";
import type { Draws } from "./draws.ts";
import { adjustBrightness, adjustContrast, adjustSaturation, adjustSharpness } from "./enhance.ts";
import { autocontrast, equalize, invert, posterize, solarize, solarizeAdd } from "./lut.ts";

/** What all operations of one transform share. */
export interface OpSettings {
  /** Pixels that the absolute translations go at magnitude 10. */
  readonly translate: number;
  /** Part of the edge that the relative ones do. */
  readonly translatePart: number;
  readonly fill: Rgb;
  /** One of these is drawn for each geometric operation. */
  readonly resample: readonly Resample[];
}

interface Op {
  /** The operation's arguments for a level; `negate` gives the value or its negative, each half of the time. */
  readonly args: (level: number, negate: (v: number) => number, settings: OpSettings) => number;
  readonly run: (image: Image, arg: number, draws: Draws, settings: OpSettings) => Image;
}

const DENOMINATOR = 10;

const none = (): number => 0;
const enhance = (level: number): number => (level / DENOMINATOR) * 1.8 + 0.1;
const enhanceIncreasing = (level: number, negate: (v: number) => number): number =>
  Math.max(0.1, 1 + negate((level / DENOMINATOR) * 0.9));
const between = (least: number, most: number, level: number): number =>
  Math.max(least, Math.min(most, least + (most - least) * (level / DENOMINATOR)));
const shearLevel: Op["args"] = (level, negate) => negate((level / DENOMINATOR) * 0.3);
const posterizeLevel = (level: number): number => Math.trunc((level / DENOMINATOR) * 4);
const solarizeLevel = (level: number): number => Math.min(256, Math.trunc((level / DENOMINATOR) * 256));

const bits = (image: Image, keep: number): Image => (keep >= 8 ? image : posterize(image, Math.max(0, keep)));
const moved = (image: Image, x: number, y: number, draws: Draws, { fill, resample }: OpSettings): Image =>
  affine(image, [1, 0, x, 0, 1, y], { fill, resample: draws.choice(resample) });
const sheared = (image: Image, x: number, y: number, draws: Draws, { fill, resample }: OpSettings): Image =>
  affine(image, [1, x, 0, y, 1, 0], { fill, resample: draws.choice(resample) });
const translateAbs: Op["args"] = (level, negate, { translate }) => negate((level / DENOMINATOR) * translate);
const translateRel: Op["args"] = (level, negate, { translatePart }) => negate((level / DENOMINATOR) * translatePart);

const brightness: Op["run"] = (image, v) => adjustBrightness(image, v);
const contrast: Op["run"] = (image, v) => adjustContrast(image, v);
const color: Op["run"] = (image, v) => adjustSaturation(image, v);
const sharpness: Op["run"] = (image, v) => adjustSharpness(image, v);
const posterized: Op["run"] = (image, v) => bits(image, v);
const solarized: Op["run"] = (image, v) => solarize(image, v);

const OPS = {
  AutoContrast: { args: none, run: (image) => autocontrast(image) },
  Equalize: { args: none, run: (image) => equalize(image) },
  Invert: { args: none, run: (image) => invert(image) },
  Rotate: {
    args: (level, negate) => negate((level / DENOMINATOR) * 30),
    run: (image, v, draws, { fill, resample }) => rotate(image, v, { fill, resample: draws.choice(resample) }),
  },
  Posterize: { args: posterizeLevel, run: posterized },
  PosterizeIncreasing: { args: (level) => 4 - posterizeLevel(level), run: posterized },
  PosterizeOriginal: { args: (level) => posterizeLevel(level) + 4, run: posterized },
  Solarize: { args: solarizeLevel, run: solarized },
  SolarizeIncreasing: { args: (level) => 256 - solarizeLevel(level), run: solarized },
  SolarizeAdd: {
    args: (level) => Math.min(128, Math.trunc((level / DENOMINATOR) * 110)),
    run: (image, v) => solarizeAdd(image, v),
  },
  Color: { args: enhance, run: color },
  ColorIncreasing: { args: enhanceIncreasing, run: color },
  Contrast: { args: enhance, run: contrast },
  ContrastIncreasing: { args: enhanceIncreasing, run: contrast },
  Brightness: { args: enhance, run: brightness },
  BrightnessIncreasing: { args: enhanceIncreasing, run: brightness },
  Sharpness: { args: enhance, run: sharpness },
  SharpnessIncreasing: { args: enhanceIncreasing, run: sharpness },
  ShearX: { args: shearLevel, run: (image, v, draws, s) => sheared(image, v, 0, draws, s) },
  ShearY: { args: shearLevel, run: (image, v, draws, s) => sheared(image, 0, v, draws, s) },
  TranslateX: { args: translateAbs, run: (image, v, draws, s) => moved(image, v, 0, draws, s) },
  TranslateY: { args: translateAbs, run: (image, v, draws, s) => moved(image, 0, v, draws, s) },
  TranslateXRel: { args: translateRel, run: (image, v, draws, s) => moved(image, v * image.width, 0, draws, s) },
  TranslateYRel: { args: translateRel, run: (image, v, draws, s) => moved(image, 0, v * image.height, draws, s) },
  Desaturate: {
    args: (level) => between(0.5, 1, level),
    run: (image, v) => adjustSaturation(image, Math.min(1, Math.max(0, 1 - v))),
  },
  GaussianBlur: { args: (level) => between(0.1, 2, level), run: (image, v) => gaussianBlur(image, v) },
  GaussianBlurRand: {
    args: (level) => between(0, 1, level),
    run: (image, v, draws) => gaussianBlur(image, draws.uniform(0.1, 2 * v)),
  },
} as const satisfies Record<string, Op>;

/** An operation by timm's name. */
export type OpName = keyof typeof OPS;

/** One operation as a policy has it. */
export interface PolicyOp {
  readonly name: OpName;
  /** Probability that it is applied. */
  readonly prob: number;
  readonly magnitude: number;
}

/** How magnitudes vary. */
export interface Magnitudes {
  /** Deviation of the normal distribution around a policy's magnitude; Infinity draws uniformly from 0 to it. */
  readonly std: number;
  /** They are cut to [0, most]. */
  readonly most: number;
}

/** The argument of an operation at a level. */
export function levelArgument(
  name: OpName,
  level: number,
  negate: (v: number) => number,
  settings: OpSettings,
): number {
  return (OPS[name] as Op).args(level, negate, settings);
}

/** Applies an operation with its probability and a drawn magnitude: timm's `AugmentOp`. */
export function applyOp(
  image: Image,
  { name, prob, magnitude }: PolicyOp,
  { std, most }: Magnitudes,
  settings: OpSettings,
  draws: Draws,
): Image {
  if (prob < 1 && !draws.chance(prob)) return image;
  let level = magnitude;
  if (std === Number.POSITIVE_INFINITY) level = draws.uniform(0, magnitude);
  else if (std > 0) level = magnitude + std * draws.normal();
  level = Math.max(0, Math.min(level, most));
  const arg = levelArgument(name, level, (v) => (draws.chance(0.5) ? -v : v), settings);
  return (OPS[name] as Op).run(image, arg, draws, settings);
}

/** Throws unless the settings make sense. */
export function assertOpSettings({ fill, resample, translate, translatePart }: OpSettings): void {
  if (resample.length === 0 || !(translate >= 0) || !(translatePart >= 0) || fill.length !== 3)
    throw new ImageError(
      "bad-argument",
      "auto augmentation: expected a fill colour, a resampling filter and distances",
    );
}
