import {
  mean,
  pad,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
  avgPool as tfAvgPool,
  maxPool as tfMaxPool,
} from "@vitrail/tensor";

/** `padding` rows and columns of `value` on each of the four sides of [B, H, W, C]. */
export function padSides(x: Tensor4D, padding: number, value: number): Tensor4D {
  if (padding === 0) return x;
  const sides: [number, number] = [padding, padding];
  return pad(x, [[0, 0], sides, sides, [0, 0]], value);
}

/** The greatest value of each window, as torch's MaxPool2d: the border never wins. */
export function maxPool(
  x: Tensor4D,
  { kernel, stride = kernel, padding = 0 }: { kernel: number; stride?: number; padding?: number },
): Tensor4D {
  return tfMaxPool(padSides(x, padding, Number.NEGATIVE_INFINITY), kernel, stride, "valid");
}

/** The mean of each window, the border's zeros included, as torch's AvgPool2d. */
export function avgPool(
  x: Tensor4D,
  { kernel, stride = kernel, padding = 0 }: { kernel: number; stride?: number; padding?: number },
): Tensor4D {
  return tfAvgPool(padSides(x, padding, 0), kernel, stride, "valid");
}

/** The mean over the map: [B, H, W, C] -> [B, C]. */
export function globalAvgPool(x: Tensor4D): Tensor2D {
  return mean(x as Tensor, [1, 2]) as Tensor2D;
}
