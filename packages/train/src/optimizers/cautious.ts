import { cast, div, greater, maximum, mean, mul, type Tensor } from "@vitrail/tensor";

/**
 * "Cautious Optimizers", https://arxiv.org/abs/2411.16085: values of an update that point against the gradient become 0, and
 * the others grow by as much as that takes away (by 1000 at most, as timm does).
 */
export function cautious(update: Tensor, gradient: Tensor): Tensor {
  const mask = cast(greater(mul(update, gradient), 0), "float32");
  return mul(update, div(mask, maximum(mean(mask), 1e-3)));
}
