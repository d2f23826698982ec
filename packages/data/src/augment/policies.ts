/**
 * The policies of timm's auto_augment.py: AutoAugment's for ImageNet as in the TPU code (v0), as in the paper (original,
 * https://arxiv.org/abs/1805.09501), and DeiT III's 3-Augment (https://arxiv.org/abs/2204.07118); the sets of RandAugment
 * (https://arxiv.org/abs/1909.13719). Sub-policies are written "name probability magnitude, ...".
 */
import type { OpName, PolicyOp } from "./ops.ts";

const V0 = `Equalize 0.8 1, ShearY 0.8 4
Color 0.4 9, Equalize 0.6 3
Color 0.4 1, Rotate 0.6 8
Solarize 0.8 3, Equalize 0.4 7
Solarize 0.4 2, Solarize 0.6 2
Color 0.2 0, Equalize 0.8 8
Equalize 0.4 8, SolarizeAdd 0.8 3
ShearX 0.2 9, Rotate 0.6 8
Color 0.6 1, Equalize 1 2
Invert 0.4 9, Rotate 0.6 0
Equalize 1 9, ShearY 0.6 3
Color 0.4 7, Equalize 0.6 0
Posterize 0.4 6, AutoContrast 0.4 7
Solarize 0.6 8, Color 0.6 9
Solarize 0.2 4, Rotate 0.8 9
Rotate 1 7, TranslateYRel 0.8 9
ShearX 0 0, Solarize 0.8 4
ShearY 0.8 0, Color 0.6 4
Color 1 0, Rotate 0.6 2
Equalize 0.8 4, Equalize 0 8
Equalize 1 4, AutoContrast 0.6 2
ShearY 0.4 7, SolarizeAdd 0.6 7
Posterize 0.8 2, Solarize 0.6 10
Solarize 0.6 8, Equalize 0.6 1
Color 0.8 6, Rotate 0.4 5`;

const ORIGINAL = `PosterizeOriginal 0.4 8, Rotate 0.6 9
Solarize 0.6 5, AutoContrast 0.6 5
Equalize 0.8 8, Equalize 0.6 3
PosterizeOriginal 0.6 7, PosterizeOriginal 0.6 6
Equalize 0.4 7, Solarize 0.2 4
Equalize 0.4 4, Rotate 0.8 8
Solarize 0.6 3, Equalize 0.6 7
PosterizeOriginal 0.8 5, Equalize 1 2
Rotate 0.2 3, Solarize 0.6 8
Equalize 0.6 8, PosterizeOriginal 0.4 6
Rotate 0.8 8, Color 0.4 0
Rotate 0.4 9, Equalize 0.6 2
Equalize 0 7, Equalize 0.8 8
Invert 0.6 4, Equalize 1 8
Color 0.6 4, Contrast 1 8
Rotate 0.8 8, Color 1 2
Color 0.8 8, Solarize 0.8 7
Sharpness 0.4 7, Invert 0.6 8
ShearX 0.6 5, Equalize 1 9
Color 0.4 0, Equalize 0.6 3
Equalize 0.4 7, Solarize 0.2 4
Solarize 0.6 5, AutoContrast 0.6 5
Invert 0.6 4, Equalize 1 8
Color 0.6 4, Contrast 1 8
Equalize 0.8 8, Equalize 0.6 3`;

const THREE = "Solarize 1 5\nDesaturate 1 10\nGaussianBlurRand 1 10";

/** A policy by timm's name; of `v0r` and `originalr` the bits that posterising drops increase with the magnitude. */
export function policyNamed(name: string): readonly (readonly PolicyOp[])[] | undefined {
  switch (name) {
    case "v0":
      return parse(V0);
    case "v0r":
      return parse(V0.replaceAll("Posterize ", "PosterizeIncreasing "));
    case "original":
      return parse(ORIGINAL);
    case "originalr":
      return parse(ORIGINAL.replaceAll("PosterizeOriginal ", "PosterizeIncreasing "));
    case "3a":
      return parse(THREE);
    default:
      return undefined;
  }
}

function parse(text: string): PolicyOp[][] {
  return text.split("\n").map((line) =>
    line.split(", ").map((op) => {
      const [name, prob, magnitude] = op.split(" ");
      return { name: name as OpName, prob: Number(prob), magnitude: Number(magnitude) };
    }),
  );
}

const RAND: readonly OpName[] = [
  "AutoContrast",
  "Equalize",
  "Invert",
  "Rotate",
  "Posterize",
  "Solarize",
  "SolarizeAdd",
  "Color",
  "Contrast",
  "Brightness",
  "Sharpness",
  "ShearX",
  "ShearY",
  "TranslateXRel",
  "TranslateYRel",
];

const RAND_INCREASING: readonly OpName[] = [
  "AutoContrast",
  "Equalize",
  "Invert",
  "Rotate",
  "PosterizeIncreasing",
  "SolarizeIncreasing",
  "SolarizeAdd",
  "ColorIncreasing",
  "ContrastIncreasing",
  "BrightnessIncreasing",
  "SharpnessIncreasing",
  "ShearX",
  "ShearY",
  "TranslateXRel",
  "TranslateYRel",
];

const WEIGHTS = {
  Rotate: 3,
  ShearX: 2,
  ShearY: 2,
  TranslateXRel: 1,
  TranslateYRel: 1,
  ColorIncreasing: 0.25,
  SharpnessIncreasing: 0.25,
  AutoContrast: 0.25,
  SolarizeIncreasing: 0.05,
  SolarizeAdd: 0.05,
  ContrastIncreasing: 0.05,
  BrightnessIncreasing: 0.05,
  Equalize: 0.05,
  PosterizeIncreasing: 0.05,
  Invert: 0.05,
} as const satisfies Partial<Record<OpName, number>>;

const WEIGHTS_3A = {
  SolarizeIncreasing: 6,
  Desaturate: 6,
  GaussianBlur: 6,
  Rotate: 3,
  ShearX: 2,
  ShearY: 2,
  PosterizeIncreasing: 1,
  AutoContrast: 1,
  ColorIncreasing: 1,
  SharpnessIncreasing: 1,
  ContrastIncreasing: 1,
  BrightnessIncreasing: 1,
  Equalize: 1,
  Invert: 1,
} as const satisfies Partial<Record<OpName, number>>;

/** What RandAugment chooses from; with weights it chooses without replacement. */
export interface RandSet {
  readonly names: readonly OpName[];
  /** Add up to 1. */
  readonly weights: readonly number[] | undefined;
}

/** RandAugment's set by timm's name, the `t` of its strings; without a name the usual one. */
export function randSet(name: string | undefined, increasing: boolean): RandSet | undefined {
  const weighted = (weights: Partial<Record<OpName, number>>): RandSet => {
    const total = Object.values(weights).reduce((a, b) => a + b, 0);
    return { names: Object.keys(weights) as OpName[], weights: Object.values(weights).map((w) => w / total) };
  };
  switch (name) {
    case undefined:
      return { names: increasing ? RAND_INCREASING : RAND, weights: undefined };
    case "3a":
      return { names: ["SolarizeIncreasing", "Desaturate", "GaussianBlur"], weights: undefined };
    case "weights":
      return weighted(WEIGHTS);
    case "3aw":
      return weighted(WEIGHTS_3A);
    default:
      return undefined;
  }
}
