/** What a model learns from and is judged by. */

/** Some images and their classes. The loader of `@vitrail/data` gives such batches. */
export interface Batch {
  /** `[size, …shape]`, normalised; may be written over once the next batch is asked for. */
  readonly images: Float32Array;
  /** `[size]` class numbers. */
  readonly labels: Int32Array;
  /** `[size, classes]` probabilities, where Mixup or CutMix mixed the images. */
  readonly targets?: Float32Array;
  /** `[size]`: which images these are. */
  readonly indices: Int32Array;
  readonly size: number;
}

/** Images in batches, again and again. `createLoader` of `@vitrail/data` makes one. */
export interface BatchSource {
  /** Images there are. */
  readonly length: number;
  /** Batches of an epoch. */
  readonly batches: number;
  /** Images of a batch; in validation the last one may be smaller. */
  readonly batchSize: number;
  /** Of one image: height, width, channels. */
  readonly shape: readonly number[];
  /** Length of a row of `targets`, where the batches bring them. */
  readonly targetClasses?: number | undefined;
  /** One pass: the same batches for the same epoch, whenever it is asked for; `from` leaves out so many at its beginning. */
  epoch(epoch: number, options?: { readonly from?: number }): AsyncIterable<Batch>;
}
