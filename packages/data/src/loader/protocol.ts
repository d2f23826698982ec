import type { SampleSource } from "../datasets/types.ts";
import type { DecodeOptions } from "../decode-options.ts";
import type { ImageErrorCode } from "../errors.ts";
import type { LoaderTransform } from "./transform.ts";

/** What a thread of a loader is started with. */
export interface Settings {
  readonly transform: LoaderTransform;
  readonly seed: number;
  readonly decode: DecodeOptions;
  /** Whether files may be read at once, holding up the thread: one of the loader's own, not the caller's. */
  readonly blocking: boolean;
  /** Bytes of decoded pictures that this thread may keep for all; 0 keeps none. */
  readonly keepBytes: number;
}

/** A run of samples of one batch: as few messages as possible, as small pictures cost less than a message. */
export interface Chunk {
  readonly epoch: number;
  /** Where the batch's pixels are written, and the slot of this chunk's first sample in it. */
  readonly buffer: ArrayBufferLike;
  readonly slot: number;
  readonly indices: Uint32Array;
  /** Which of a sample's several streams in this epoch it draws from. */
  readonly turns: Uint32Array;
  /** Where each sample's picture is, undefined where it is kept. */
  readonly sources: readonly (SampleSource | undefined)[];
  readonly names: readonly (string | undefined)[];
  /** Four numbers a sample, {@link Kept}; slab -1 where it is not kept. */
  readonly kept: Float64Array;
}

/** Decoded pixels in shared memory: slab, first byte, width, height. */
export const KEPT = 4;

export interface Failure {
  /** Position in the chunk. */
  readonly position: number;
  readonly message: string;
  readonly code: ImageErrorCode;
  readonly file: string | undefined;
}

/** What a thread says when a chunk is written. */
export interface Outcome {
  readonly failures: readonly Failure[];
  /** Pictures that this thread keeps from now on: position in the chunk, its own slab, first byte, width, height. */
  readonly keeps: readonly (readonly [number, number, number, number, number])[];
  /** Slabs that it began. */
  readonly slabs: readonly SharedArrayBuffer[];
}

/** To a thread. */
export interface Question {
  readonly id: number;
  readonly chunk: Chunk;
  /** Slabs that it does not know yet, numbered on from those it knows. */
  readonly slabs: readonly SharedArrayBuffer[];
}

/** From a thread. */
export type Answer =
  | { readonly id: number; readonly outcome: Outcome }
  | { readonly id: number; readonly crash: string };
