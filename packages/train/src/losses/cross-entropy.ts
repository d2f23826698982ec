import {
  add,
  cast,
  div,
  logSoftmax,
  mean,
  mul,
  neg,
  oneHot,
  type Scalar,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  tidy,
} from "@vitrail/tensor";
import { checkTarget } from "./target.ts";

/** Settings of {@link crossEntropy}. */
export interface CrossEntropyOptions {
  /** ε of "Rethinking the Inception Architecture", https://arxiv.org/abs/1512.00567: this much of the target is even over all classes. Default 0. */
  readonly labelSmoothing?: number;
  /** `[K]`: what an error in each class counts. Default: 1. */
  readonly weight?: Tensor1D;
}

/**
 * The mean cross-entropy of a softmax, as torch's `F.cross_entropy`: for class numbers the weighted mean (divided by the
 * sum of the targets' weights), for probabilities the sum of all errors divided by B.
 * @param logits [B, K]
 * @param target [B] class numbers (int32) or [B, K] probabilities
 * @returns a scalar
 */
export function crossEntropy(
  logits: Tensor2D,
  target: Tensor1D | Tensor2D,
  { labelSmoothing = 0, weight }: CrossEntropyOptions = {},
): Scalar {
  checkTarget("crossEntropy", logits, target, labelSmoothing);
  const [B, K] = logits.shape;
  return tidy(() => {
    const logP = logSoftmax(logits); // [B, K]
    const hard = target.rank === 1;
    const given: Tensor = hard ? cast(oneHot(target as Tensor1D, K), "float32") : target; // [B, K]
    const weighted = (t: Tensor): Tensor => (weight ? mul(t, weight) : t);
    const smooth = (t: Tensor): Tensor =>
      labelSmoothing === 0 ? t : add(mul(t, 1 - labelSmoothing), labelSmoothing / K);
    if (!hard) return mul(neg(sum(mul(weighted(smooth(given)), logP))), 1 / B) as Scalar;
    if (!weight) return neg(mean(sum(mul(smooth(given), logP), 1))) as Scalar;
    // torch weighs the target's own share by its class, and the even share by each class's own weight.
    const share = add(mul(weighted(given), 1 - labelSmoothing), mul(weight, labelSmoothing / K));
    const total = sum(weighted(given));
    return neg(div(sum(mul(share, logP)), total)) as Scalar;
  });
}
