export * from "./datasets/index.ts";
export { decode } from "./decode.ts";
export {
  type Batch,
  createLoader,
  type Loader,
  type LoaderOptions,
  type Meter,
} from "./loader/loader.ts";
export type { Sampler } from "./loader/order.ts";
export type { LoaderTransform } from "./loader/transform.ts";
export {
  createPreprocessor,
  type ImageSource,
  type Preprocessor,
  type PreprocessorOptions,
  preprocessFiles,
  type Settled,
} from "./preprocessor.ts";
export * from "./transforms.ts";
