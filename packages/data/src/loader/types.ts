import type { MixOptions } from "../augment/mixup.ts";
import type { BadSample, Split } from "../datasets/types.ts";
import type { DecodeOptions } from "../decode-options.ts";
import type { Sampler } from "./order.ts";
import type { LoaderTransform } from "./transform.ts";

/** One batch. Its arrays are reused: they are valid until the next batch is asked for. */
export interface Batch {
  /** `[size, height, width, channels]`, normalised; in shared memory where threads write it. */
  readonly images: Float32Array;
  /** `[size]`: the class of each picture. */
  readonly labels: Int32Array;
  /** `[size, numClasses]`: what Mixup or CutMix make of the labels, smoothing included. Only with `mix`. */
  readonly targets?: Float32Array;
  /** `[size]`: indices into the split. */
  readonly indices: Int32Array;
  readonly size: number;
}

export interface LoaderOptions {
  readonly split: Split;
  /** What becomes of a picture. */
  readonly transform: LoaderTransform;
  readonly batchSize: number;
  /** Default: whether the transform is a training one. */
  readonly shuffle?: boolean | undefined;
  /** Of the order, the augmentation and the mixing. Default 0. */
  readonly seed?: number | undefined;
  /** Leaves out a last batch that is not full. Default false. */
  readonly dropLast?: boolean | undefined;
  /**
   * Least samples of a last batch that is not full: with fewer it is left out, unless it is the only one. Default 2 in training (a training
   * transform, or shuffled), as BatchNorm has nothing to learn from a batch of one, and 1 in evaluation.
   */
  readonly minLast?: number | undefined;
  /** Which samples an epoch has. Default every one once. */
  readonly sampler?: Sampler | undefined;
  /** Mixup and CutMix, on the finished batch. Needs `numClasses`. */
  readonly mix?: MixOptions | undefined;
  /** Classes of the model; every label is checked against it. */
  readonly numClasses?: number | undefined;
  /** Worker threads; 0 works on the calling thread. Default: one for each core, at most 8. Changes no result. */
  readonly threads?: number | undefined;
  /** Batches that are made ahead of the one in use. Default 2. */
  readonly prefetch?: number | undefined;
  /**
   * What a sample that cannot be decoded does. `"fail"` (default) ends the pass with its error. `"skip"`: in training the next sample
   * of the epoch's order that can be decoded stands in for it, with draws of its own; in evaluation it is left out and its batch is
   * smaller. {@link Loader.bad} lists them.
   */
  readonly onBad?: "fail" | "skip" | undefined;
  /**
   * Keeps decoded pictures in shared memory, so that an epoch after the first decodes nothing: true for at most 1 GiB, or the most
   * bytes. What does not fit is decoded each time. Default false. Pixels that come decoded (CIFAR, idx) are always kept.
   */
  readonly cache?: boolean | number | undefined;
  /** Passed to the decoder. */
  readonly decode?: Omit<DecodeOptions, "name"> | undefined;
}

/** What a loader did so far. */
export interface Meter {
  /** Handed out, over all passes. */
  readonly images: number;
  /** Images handed out for each second from the first ask of a pass to its last batch; what the consumer did in between counts too. */
  readonly imagesPerSecond: number;
  /** Milliseconds that the consumer stood waiting for a batch. */
  readonly waitedMs: number;
}

/** Batches of a split, made ahead by threads. */
export interface Loader {
  /** Images in the split. */
  readonly length: number;
  /** Batches of an epoch. */
  readonly batches: number;
  /** Images of a batch; the last one may be smaller. */
  readonly batchSize: number;
  /** Of one image: height, width, channels. */
  readonly shape: readonly [number, number, number];
  /** Length of a row of `targets`, where `mix` makes them. */
  readonly targetClasses: number | undefined;
  /**
   * One pass. The same (seed, epoch) gives the same batches, bit for bit, whatever the number of threads; `from` begins with that
   * batch, without decoding those before it. Leaving the loop, or the signal, ends the work ahead.
   */
  epoch(
    epoch: number,
    options?: { readonly from?: number | undefined; readonly signal?: AbortSignal | undefined },
  ): AsyncGenerator<Batch, void, undefined>;
  readonly meter: Meter;
  /** Samples that could not be decoded, so far. */
  readonly bad: readonly BadSample[];
  /** Ends the threads; passes under way fail. Safe to call twice. */
  dispose(): Promise<void>;
}
