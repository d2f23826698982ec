export { type AffineOptions, affine, type Matrix, type Resample, rotate } from "./affine.ts";
export { type AutoAugmentOptions, autoAugment } from "./auto-augment.ts";
export { gaussianBlur } from "./blur.ts";
export { type ColorJitterOptions, colorJitter } from "./color-jitter.ts";
export { adjustBrightness, adjustContrast, adjustSaturation, adjustSharpness } from "./enhance.ts";
export { type ErasingOptions, randomErasing } from "./erasing.ts";
export { hflip, vflip } from "./flip.ts";
export { toGrayscale } from "./grayscale.ts";
export { adjustHue } from "./hue.ts";
export { autocontrast, equalize, invert, posterize, solarize, solarizeAdd } from "./lut.ts";
export { type MixOptions, mixBatch } from "./mixup.ts";
export { type PaddingMode, padWith } from "./pad.ts";
export {
  type KeepRatioOptions,
  keepRatioCrop,
  type RandomCropOptions,
  randomCrop,
  simpleRandomCrop,
} from "./random-crop.ts";
export { type Interpolation, type ResizedCropOptions, randomResizedCrop, resizedCropRegion } from "./resized-crop.ts";
export { type TrainTransform, type TrainTransformOptions, trainTransform } from "./train-transform.ts";
export { type TrivialAugmentOptions, trivialAugmentWide } from "./trivial-augment.ts";
