/**
 * One named tensor of a checkpoint, in the checkpoint's own layout. Structural, so that a reader of any format
 * (see `@vitrail/checkpoint`) can feed a model without either package importing the other.
 */
export interface NamedTensor {
  /** The stored type, as safetensors spells it: "F32", "F16", "BF16", "I64", … */
  readonly dtype: string;
  /** The shape as the checkpoint states it, e.g. `[out, in, kh, kw]` for a convolution. */
  readonly shape: readonly number[];
  /** The values as fp32, row-major in `shape`. Read at each call: nothing is kept. */
  float32(): Float32Array;
}

/** A checkpoint: names to tensors, in the file's order. */
export type StateDict = ReadonlyMap<string, NamedTensor>;
