// The part of the public surface that is the same in Node and in browsers.
export * from "./augment/index.ts";
export { centerCrop, crop, pad, type Rgb } from "./crop.ts";
export { type DecodeOptions, MAX_PIXELS } from "./decode-options.ts";
export { ImageError, type ImageErrorCode } from "./errors.ts";
export type { Filter } from "./filters.ts";
export type { Image, Region } from "./image.ts";
export { type ImageKind, kindOf, type Probe, probe } from "./probe.ts";
export { resize, resizeRegion, type Window } from "./resize.ts";
export {
  type EvalGeometry,
  type EvalTransform,
  evalGeometry,
  evalTransform,
  normalize,
  type Preprocess,
} from "./transform.ts";
