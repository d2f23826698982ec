import type { Rng } from "@vitrail/tensor";

/**
 * Fills a parameter at random or with a constant. `shape` is the checkpoint's (`[out, in, kh, kw]` for a convolution),
 * `rng` the parameter's own stream: derived from the root seed and the path, so the order of construction changes nothing.
 */
export type Init = (shape: readonly number[], rng: Rng) => Float32Array;

const sizeOf = (shape: readonly number[]) => shape.reduce((n, d) => n * d, 1);

/** All zero. */
export const zeros: Init = (shape) => new Float32Array(sizeOf(shape));

/** All one. */
export const ones: Init = (shape) => new Float32Array(sizeOf(shape)).fill(1);

/** All `value`. */
export function constant(value: number): Init {
  return (shape) => new Float32Array(sizeOf(shape)).fill(value);
}

/** Gaussian around 0 with standard deviation `std`. */
export function normal(std: number): Init {
  return (shape, rng) => scale(rng.normal(sizeOf(shape)), std);
}

/** Even between -bound and bound. */
export function uniform(bound: number): Init {
  return (shape, rng) => {
    const values = rng.uniform(sizeOf(shape));
    for (let i = 0; i < values.length; i++) values[i] = ((values[i] as number) * 2 - 1) * bound;
    return values;
  };
}

/**
 * Gaussian of standard deviation `std`, drawn again outside `[low, high]`. As in torch and timm the limits are absolute
 * values, not multiples of `std`: at timm's std of 0.02 the default limits of 2 cut nothing.
 */
export function truncNormal(std: number, { low = -2, high = 2 }: { low?: number; high?: number } = {}): Init {
  if (!(low < high)) throw new RangeError(`truncNormal: low ${low} is not below high ${high}`);
  return (shape, rng) => {
    const values = scale(rng.normal(sizeOf(shape)), std);
    for (let i = 0; i < values.length; i++) {
      for (let again = 1; (values[i] as number) < low || (values[i] as number) > high; again++) {
        if (again > 10_000) throw new RangeError(`truncNormal: [${low}, ${high}] is too far out for std ${std}`);
        values[i] = (rng.at(`${i}.${again}`).normal(1)[0] as number) * std;
      }
    }
    return values;
  };
}

/** Inputs and outputs per unit of a `[out, in, ...kernel]` weight, as torch counts them. */
function fans(shape: readonly number[]): { fanIn: number; fanOut: number } {
  if (shape.length < 2)
    throw new RangeError(`Kaiming's initialisation needs [out, in, ...], not [${shape.join(", ")}]`);
  const receptive = sizeOf(shape.slice(2));
  return { fanIn: (shape[1] as number) * receptive, fanOut: (shape[0] as number) * receptive };
}

/** Kaiming He's normal initialisation with ReLU's gain of √2, https://arxiv.org/abs/1502.01852. */
export function kaimingNormal(mode: "fanIn" | "fanOut" = "fanIn"): Init {
  return (shape, rng) => normal(Math.sqrt(2 / fans(shape)[mode]))(shape, rng);
}

/**
 * Kaiming He's uniform initialisation for a leaky ReLU of slope `a`. With torch's default for Linear and Conv2d,
 * a = √5, it is even within 1/√fanIn.
 */
export function kaimingUniform(a: number = Math.sqrt(5)): Init {
  return (shape, rng) => uniform(Math.sqrt(6 / ((1 + a * a) * fans(shape).fanIn)))(shape, rng);
}

/** torch's default for the bias of a layer with `fanIn` inputs: even within 1/√fanIn. */
export function fanInUniform(fanIn: number): Init {
  return uniform(fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0);
}

function scale(values: Float32Array, by: number): Float32Array {
  for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) * by;
  return values;
}
