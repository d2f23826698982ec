/**
 * The one door to TensorFlow.js: every other package imports its ops, types and backends from here.
 * @module
 */
export * from "./ops.ts";
export type { NamedTensor, StateDict } from "./state-dict.ts";
