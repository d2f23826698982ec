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
  const channelOf = placeAlong(weight, axis);
  const scales = new Float32Array(weight.shape[axis] as number);
  const needed = pairs === undefined ? (v: number) => Math.abs(v) / MOST : sharedBy(weight, data, pairs);
  data.forEach((v, i) => {
    const c = channelOf(i);
    scales[c] = Math.max(scales[c] as number, needed(v, i));
  });
  for (let c = 0; c < scales.length; c++) scales[c] ||= 1;
  const values = new Int8Array(data.length);
  data.forEach((v, i) => {
    values[i] = Math.round(v / (scales[channelOf(i)] as number));
  });
  return { values, scales };
}

/** Where the value at an index lies along an axis. */
function placeAlong({ shape }: Value, axis: number): (i: number) => number {
  const [step, count] = [sizeOf(shape.slice(axis + 1)), shape[axis] as number];
  return (i) => Math.floor(i / step) % count;
}

/** The scale that a pair along an axis needs, said at the first of the two. */
function sharedBy(weight: Value, data: Float32Array, axis: number): (v: number, i: number) => number {
  const [place, step, count] = [placeAlong(weight, axis), sizeOf(weight.shape.slice(axis + 1)), weight.shape[axis]];
  return (v, i) => {
    const at = place(i);
    if (at % 2 === 1) return 0;
    const other = at + 1 < (count as number) ? (data[i + step] as number) : 0;
    return (Math.abs(v) + Math.abs(other)) / MOST_OF_TWO;
  };
}
