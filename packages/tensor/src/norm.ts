import { add, mean, mul, rsqrt, square, sub, type Tensor } from "@tensorflow/tfjs-core";

/**
 * Layer normalization over the last axis: "Layer Normalization", https://arxiv.org/abs/1607.06450.
 * @param x [..., D]
 * @param gamma [D]
 * @param beta [D]
 * @param eps added to the variance: 1e-5 in torch, 1e-6 in timm's ViT
 */
export function layerNorm<T extends Tensor>(x: T, gamma: Tensor, beta: Tensor, eps = 1e-5): T {
  const centred = sub(x, mean(x, -1, true));
  const inverse = rsqrt(add(mean(square(centred), -1, true), eps));
  return add(mul(mul(centred, inverse), gamma), beta) as T;
}
