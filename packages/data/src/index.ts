export * from "./datasets/index.ts";
export { decode } from "./decode.ts";
export { createLoader } from "./loader/loader.ts";
export type { Sampler } from "./loader/order.ts";
export type { LoaderTransform } from "./loader/transform.ts";
export type { Batch, Loader, LoaderOptions, Meter } from "./loader/types.ts";
export {
  createPreprocessor,
  type ImageSource,
  type Preprocessor,
  type PreprocessorOptions,
  preprocessFiles,
  type Settled,
} from "./preprocessor.ts";
export * from "./transforms.ts";
