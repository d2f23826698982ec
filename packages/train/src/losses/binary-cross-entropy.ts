import {
  add,
  cast,
  greater,
  mean,
  mul,
  neg,
  oneHot,
  type Scalar,
  softplus,
  sub,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  tidy,
} from "@vitrail/tensor";
import { checkTarget } from "./target.ts";

/** Settings of {@link binaryCrossEntropy}. */
export interface BinaryCrossEntropyOptions {
  /** This much of a class number's target is even over all classes; targets that are probabilities stay as they are. Default 0. */
  readonly labelSmoothing?: number;
  /** Targets above it are 1, the others 0: what Mixup left of them. Default: as they are. */
  readonly targetThreshold?: number;
  /** Sums over the classes, where the default is the mean over them too. */
  readonly sumClasses?: boolean;
  /** `[K]`: what an error in each class counts. Default: 1. */
  readonly weight?: Tensor1D;
  /** `[K]`: what a missed class counts. Default: 1. */
  readonly posWeight?: Tensor1D;
}

/**
 * A sigmoid for each class on its own, as in "ResNet strikes back", https://arxiv.org/abs/2110.00476: timm's
 * `BinaryCrossEntropy` (whose `smoothing` is 0.1 unless set).
 * @param logits [B, K]
 * @param target [B] class numbers (int32) or [B, K] probabilities, which need not add up to 1
 * @returns a scalar
 */
export function binaryCrossEntropy(
  logits: Tensor2D,
  target: Tensor1D | Tensor2D,
  { labelSmoothing = 0, targetThreshold, sumClasses = false, weight, posWeight }: BinaryCrossEntropyOptions = {},
): Scalar {
  checkTarget("binaryCrossEntropy", logits, target, labelSmoothing);
  const K = logits.shape[1];
  return tidy(() => {
    const given: Tensor =
      target.rank === 1
        ? add(mul(cast(oneHot(target as Tensor1D, K), "float32"), 1 - labelSmoothing), labelSmoothing / K)
        : target;
    const t = targetThreshold === undefined ? given : cast(greater(given, targetThreshold), "float32"); // [B, K]
    // torch's form: (1 − t) x + (1 + (w − 1) t) log(1 + e^−x)
    const missed: Tensor = softplus(neg(logits));
    const scaled = posWeight ? mul(missed, add(mul(t, sub(posWeight, 1)), 1)) : missed;
    const errors: Tensor = add(mul(sub(1, t), logits), scaled);
    const weighed = weight ? mul(errors, weight) : errors;
    return (sumClasses ? mean(sum(weighed, 1)) : mean(weighed)) as Scalar;
  });
}
