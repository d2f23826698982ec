export { decode } from "./decode.ts";
export {
  createPreprocessor,
  type ImageSource,
  type Preprocessor,
  type PreprocessorOptions,
  preprocessFiles,
  type Settled,
} from "./preprocessor.ts";
export * from "./transforms.ts";
