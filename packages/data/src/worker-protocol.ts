import type { DecodeOptions } from "./decode-options.ts";
import type { ImageErrorCode } from "./errors.ts";
import type { Preprocess } from "./transform.ts";

/** What a worker is started with. */
export interface WorkerSettings {
  readonly preprocess: Preprocess;
  readonly decode: DecodeOptions;
}

/** One picture for a worker. */
export interface Question {
  readonly id: number;
  readonly source: Uint8Array | string;
  readonly name: string | undefined;
}

/** A worker's answer: the floats or what went wrong. An error's class does not survive the way between threads. */
export type Answer =
  | { readonly id: number; readonly data: Float32Array }
  | { readonly id: number; readonly error: { message: string; code: ImageErrorCode; file: string | undefined } };
