import { ImageError } from "./errors.ts";

/** Pillow's resampling filters by their lower-case names. */
export type Filter = "nearest" | "box" | "bilinear" | "hamming" | "bicubic" | "lanczos";

/** An antialiasing filter: everything but "nearest", which samples and does not average. */
export type AveragingFilter = Exclude<Filter, "nearest">;

/** The weights of one axis of a resize. Output i is the sum over t < count[i] of weights[offset[i] + t] * input[start[i] + t]. */
export interface AxisWeights {
  /** First input index, one an output. */
  readonly start: Int32Array;
  /** Taps, one an output. */
  readonly count: Int32Array;
  /** Taps reserved an output: weights of output i begin at i * stride. */
  readonly stride: number;
  /** Fixed point with `PRECISION_BITS` fractional bits. */
  readonly weights: Int32Array;
}

/** Fractional bits of Pillow's 8-bit weights: 32 - 8 bits of the sample - 2 of headroom (Resample.c). */
export const PRECISION_BITS = 22;

const SUPPORT: Readonly<Record<AveragingFilter, number>> = {
  box: 0.5,
  bilinear: 1,
  hamming: 1,
  bicubic: 2,
  lanczos: 3,
};

function sinc(x: number): number {
  if (x === 0) return 1;
  const y = x * Math.PI;
  return Math.sin(y) / y;
}

/** The filter functions of Pillow's Resample.c, term by term: another order of operations rounds differently. */
function kernel(filter: AveragingFilter): (x: number) => number {
  switch (filter) {
    case "box":
      return (x) => (x > -0.5 && x <= 0.5 ? 1 : 0);
    case "bilinear":
      return (x) => {
        const a = Math.abs(x);
        return a < 1 ? 1 - a : 0;
      };
    case "hamming":
      return (x) => {
        const a = Math.abs(x);
        if (a === 0) return 1;
        if (a >= 1) return 0;
        const y = a * Math.PI;
        // Pillow's constants are C floats: 0.54f and 0.46f.
        return (Math.sin(y) / y) * (Math.fround(0.54) + Math.fround(0.46) * Math.cos(y));
      };
    case "bicubic":
      return (x) => {
        const a = -0.5;
        const t = Math.abs(x);
        if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
        if (t < 2) return (((t - 5) * t + 8) * t - 4) * a;
        return 0;
      };
    case "lanczos":
      return (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0);
  }
}

/** Throws unless `filter` is one of Pillow's. */
export function assertFilter(filter: string): asserts filter is Filter {
  if (filter !== "nearest" && !Object.hasOwn(SUPPORT, filter))
    throw new ImageError(
      "bad-argument",
      `filter: expected nearest, box, bilinear, hamming, bicubic or lanczos, found ${JSON.stringify(filter)}`,
    );
}

/**
 * Weights for outputs `from .. from + length - 1` of an axis that goes from `inSize` to `outSize` samples: Pillow's
 * precompute_coeffs and normalize_coeffs_8bpc. Each output's weights are independent of the others', so asking for a
 * part of the axis changes none of them.
 */
export function axisWeights(
  filter: AveragingFilter,
  inSize: number,
  outSize: number,
  from: number,
  length: number,
): AxisWeights {
  const f = kernel(filter);
  const scale = inSize / outSize;
  const filterScale = Math.max(scale, 1); // enlarging: the filter keeps its own width
  const support = SUPPORT[filter] * filterScale;
  const inverse = 1 / filterScale;
  const stride = Math.min(Math.ceil(support) * 2 + 1, inSize);
  const start = new Int32Array(length);
  const count = new Int32Array(length);
  const weights = new Int32Array(length * stride);
  const exact = new Float64Array(stride);
  const one = 2 ** PRECISION_BITS;
  for (let i = 0; i < length; i++) {
    const center = (from + i + 0.5) * scale;
    const min = Math.max(Math.trunc(center - support + 0.5), 0);
    const n = Math.min(Math.trunc(center + support + 0.5), inSize) - min;
    let total = 0;
    for (let t = 0; t < n; t++) {
      const w = f((t + min - center + 0.5) * inverse);
      exact[t] = w;
      total += w;
    }
    start[i] = min;
    count[i] = n;
    for (let t = 0; t < n; t++) {
      const w = total === 0 ? (exact[t] as number) : (exact[t] as number) / total;
      weights[i * stride + t] = Math.trunc(w < 0 ? w * one - 0.5 : w * one + 0.5);
    }
  }
  return { start, count, stride, weights };
}
