import { sizeOf, type Value } from "../ir.ts";

/** Weights in eight bits, one scale an output channel, symmetric about 0: weight = scale · values. */
export interface Int8Weights {
  readonly values: Int8Array;
  readonly scales: Float32Array;
}

/**
 * Rounds weights to whole multiples of each channel's scale.
 * @param most largest magnitude of a rounded value. 127 uses all eight bits; 63 keeps the sum of two products with unsigned
 *   activations inside 16 bits, where processors without VNNI add them (x86 before 2019, AVX2) and saturate in silence.
 */
export function quantizeWeights(weight: Value, axis: number, most: number): Int8Weights {
  const data = (weight.data as () => Float32Array)();
  const channels = weight.shape[axis] as number;
  const inner = sizeOf(weight.shape.slice(axis + 1));
  const channelOf = (i: number) => Math.floor(i / inner) % channels;
  const scales = new Float32Array(channels);
  for (let i = 0; i < data.length; i++) {
    const c = channelOf(i);
    scales[c] = Math.max(scales[c] as number, Math.abs(data[i] as number));
  }
  for (let c = 0; c < channels; c++) scales[c] = (scales[c] as number) / most || 1;
  const values = new Int8Array(data.length);
  for (let i = 0; i < data.length; i++) values[i] = Math.round((data[i] as number) / (scales[channelOf(i)] as number));
  return { values, scales };
}
