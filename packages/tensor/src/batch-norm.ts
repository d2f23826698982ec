import { add, customGrad, mean, mul, rsqrt, square, sub, sum, type Tensor, tidy } from "@tensorflow/tfjs-core";

type Save = (tensors: Tensor[]) => void;

/** What {@link batchNormTraining} gives. */
export type BatchNormed = {
  /** Of x's shape. */
  readonly y: Tensor;
  /** [C] */
  readonly mean: Tensor;
  /** [C], biased */
  readonly variance: Tensor;
};

/**
 * Normalises each channel by the batch's own mean and biased variance: "Batch Normalization", https://arxiv.org/abs/1502.03167.
 * The gradient is the closed form, in a third of the passes over the map that tfjs's would take; mean and variance have none.
 * @param x [..., C]
 * @param gamma [C]
 * @param beta [C]
 * @param eps added to the variance
 */
export function batchNormTraining(x: Tensor, gamma: Tensor, beta: Tensor, eps = 1e-5): BatchNormed {
  return tidy(() => normalise(x, gamma, beta, eps));
}

function normalise(x: Tensor, gamma: Tensor, beta: Tensor, eps: number): BatchNormed {
  const axes = Array.from({ length: x.rank - 1 }, (_, axis) => axis);
  const average = mean(x, axes);
  const centred = sub(x, average);
  const variance = mean(square(centred), axes);
  const op = customGrad((_x, a, b, save) => {
    const [scale, shift] = [a, b] as [Tensor, Tensor];
    // The statistics are taken from outside: they are no operands, so no gradient is sought through them.
    const inverse = rsqrt(add(variance, eps));
    const value = add(mul(centred, mul(inverse, scale)), shift);
    (save as unknown as Save)([centred, inverse, scale]);
    const gradFunc = (dy: Tensor, saved: Tensor[]) => {
      const [c, inv, factor] = saved as [Tensor, Tensor, Tensor];
      return tidy(() => {
        const along = sum(mul(dy, c), axes); // [C]
        const total = sum(dy, axes); // [C]
        const n = dy.size / (dy.shape.at(-1) as number);
        const slope = mul(factor, inv);
        const back = mul(mul(slope, square(inv)), mul(along, -1 / n));
        const dx = add(mul(dy, slope), add(mul(c, back), mul(slope, mul(total, -1 / n))));
        return [dx, mul(along, inv), total];
      });
    };
    return { value, gradFunc };
  });
  return { y: op(x, gamma, beta), mean: average, variance };
}
