export { type ErasingOptions, randomErasing } from "./erasing.ts";
export { hflip, vflip } from "./flip.ts";
export { toGrayscale } from "./grayscale.ts";
export { type MixOptions, mixBatch } from "./mixup.ts";
export { type Interpolation, type ResizedCropOptions, randomResizedCrop, resizedCropRegion } from "./resized-crop.ts";
export { type TrainTransform, type TrainTransformOptions, trainTransform } from "./train-transform.ts";
