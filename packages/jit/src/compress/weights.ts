import { sizeOf, type Value } from "../ir.ts";

/** Weights in eight bits, one scale an output channel, symmetric about 0: weight = scale · values. */
export interface Int8Weights {
  readonly values: Int8Array;
  readonly scales: Float32Array;
}

/**
 * Processors without VNNI (x86 before 2019, AVX2) add two products with unsigned activations inside 16 bits and saturate in silence: with
 * magnitudes up to 127 the model in the box falls from 99 % to 92 % agreement there. 255 · (64 + 64) fits; of two neighbours together one less
 * may be asked for, since both may be rounded up.
 */
const [MOST, MOST_OF_TWO] = [64, 127];

/**
 * Rounds weights to whole multiples of each channel's scale. Products are added in pairs along the sum, first with second, third with fourth:
 * what such a pair adds up to sets the scale, which is finer than if each of the two had to keep to its half.
 *
 * @param axis the one that counts the outputs
 * @param pairs the one along which products are added in pairs; undefined where that is not known: each weight keeps to its half
 */
export function quantizeWeights(weight: Value, axis: number, pairs: number | undefined): Int8Weights {
  const data = (weight.data as () => Float32Array)();
  const inner = (of: number) => sizeOf(weight.shape.slice(of + 1));
  const along = (of: number) => (i: number) => Math.floor(i / inner(of)) % (weight.shape[of] as number);
  const channelOf = along(axis);
  const scales = new Float32Array(weight.shape[axis] as number);
  const keep = (i: number, size: number): void => {
    const c = channelOf(i);
    scales[c] = Math.max(scales[c] as number, size);
  };
  if (pairs === undefined) {
    data.forEach((v, i) => {
      keep(i, Math.abs(v) / MOST);
    });
  } else {
    const [place, step, count] = [along(pairs), inner(pairs), weight.shape[pairs] as number];
    data.forEach((v, i) => {
      const other = place(i) + 1 < count ? Math.abs(data[i + step] as number) : 0;
      if (place(i) % 2 === 0) keep(i, (Math.abs(v) + other) / MOST_OF_TWO);
    });
  }
  for (let c = 0; c < scales.length; c++) scales[c] ||= 1;
  const values = new Int8Array(data.length);
  for (let i = 0; i < data.length; i++) values[i] = Math.round((data[i] as number) / (scales[channelOf(i)] as number));
  return { values, scales };
}
