import { add, customGrad, mean, mul, rsqrt, square, sub, sum, type Tensor, tidy } from "@tensorflow/tfjs-core";

type Save = (tensors: Tensor[]) => void;

/** All axes but the last. */
const leading = (x: Tensor): number[] => Array.from({ length: x.rank - 1 }, (_, axis) => axis);

const checkScale = (what: string, name: string, x: Tensor, scale: Tensor): void => {
  const last = x.shape[x.rank - 1];
  if (scale.rank !== 1 || scale.shape[0] !== last) {
    throw new RangeError(`${what}: expected ${name} of shape [${last}] for x of [${x.shape}], found [${scale.shape}]`);
  }
};

/**
 * Layer normalization over the last axis: "Layer Normalization", https://arxiv.org/abs/1607.06450.
 * @param x [..., D]
 * @param gamma [D]
 * @param beta [D]
 * @param eps added to the variance: 1e-5 in torch, 1e-6 in timm's ViT
 * @throws RangeError if gamma or beta is not [D]
 */
export function layerNorm<T extends Tensor>(x: T, gamma: Tensor, beta: Tensor, eps = 1e-5): T {
  checkScale("layerNorm", "gamma", x, gamma);
  checkScale("layerNorm", "beta", x, beta);
  const op = customGrad((a, b, c, save) => {
    const [input, scale, shift] = [a, b, c] as [Tensor, Tensor, Tensor];
    const [value, normal, inverse] = tidy(() => {
      const centred = sub(input, mean(input, -1, true));
      const inv = rsqrt(add(mean(square(centred), -1, true), eps));
      const unit = mul(centred, inv);
      return [add(mul(unit, scale), shift), unit, inv] as [Tensor, Tensor, Tensor];
    });
    (save as unknown as Save)([normal, inverse, scale]);
    const gradFunc = (dy: Tensor, saved: Tensor[]) => {
      const [unit, inv, factor] = saved as [Tensor, Tensor, Tensor];
      return tidy(() => {
        const d = mul(dy, factor);
        const along = mul(unit, mean(mul(d, unit), -1, true));
        const dx = mul(inv, sub(sub(d, mean(d, -1, true)), along));
        return [dx, sum(mul(dy, unit), leading(dy)), sum(dy, leading(dy))];
      });
    };
    return { value, gradFunc };
  });
  return op(x, gamma, beta) as T;
}

/**
 * Root-mean-square normalization over the last axis: https://arxiv.org/abs/1910.07467.
 * @param x [..., D]
 * @param gamma [D]
 * @param eps added to the mean square
 * @throws RangeError if gamma is not [D]
 */
export function rmsNorm<T extends Tensor>(x: T, gamma: Tensor, eps = 1e-6): T {
  checkScale("rmsNorm", "gamma", x, gamma);
  const op = customGrad((a, b, save) => {
    const [input, scale] = [a, b] as [Tensor, Tensor];
    const [value, normal, inverse] = tidy(() => {
      const inv = rsqrt(add(mean(square(input), -1, true), eps));
      const unit = mul(input, inv);
      return [mul(unit, scale), unit, inv] as [Tensor, Tensor, Tensor];
    });
    (save as unknown as Save)([normal, inverse, scale]);
    const gradFunc = (dy: Tensor, saved: Tensor[]) => {
      const [unit, inv, factor] = saved as [Tensor, Tensor, Tensor];
      return tidy(() => {
        const d = mul(dy, factor);
        const dx = mul(inv, sub(d, mul(unit, mean(mul(d, unit), -1, true))));
        return [dx, sum(mul(dy, unit), leading(dy))];
      });
    };
    return { value, gradFunc };
  });
  return op(x, gamma) as T;
}
