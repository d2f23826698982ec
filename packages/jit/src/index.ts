/**
 * Traces a tfjs function once and runs it through ONNX Runtime.
 * @module
 */
export * from "./browser.ts";
export { type ExportedFiles, type ExportOptions, exportOnnx } from "./export.ts";
