import { add, div, mul, sqrt, square, sub, type Tensor, tidy } from "@vitrail/tensor";
import { checkRange, type Optimizer, type OptimizerOptions } from "./optimizer.ts";

export interface AdamWOptions extends OptimizerOptions {
  /** Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Default 1e-8. */
  readonly eps?: number;
  /** Default 0.01. */
  readonly weightDecay?: number;
}

/**
 * AdamW: "Decoupled Weight Decay Regularization", https://arxiv.org/abs/1711.05101, as torch has it:
 *
 *     p ← p (1 − lr λ)
 *     m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²
 *     p ← p − lr / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
 *
 * What is one number for all values is computed in double precision beside: fewer passes over the parameters.
 */
export function adamW({
  lr,
  betas: [beta1, beta2] = [0.9, 0.999],
  eps = 1e-8,
  weightDecay = 0.01,
  groupOf = () => ({}),
}: AdamWOptions): Optimizer {
  checkRange("adamW: lr", lr, 0);
  checkRange("adamW: betas[0]", beta1, 0, 1);
  checkRange("adamW: betas[1]", beta2, 0, 1);
  checkRange("adamW: eps", eps, 0);
  checkRange("adamW: weightDecay", weightDecay, 0);
  return {
    lr,
    slots: ["exp_avg", "exp_avg_sq"],
    groupOf,
    pointwise: true,
    scalars(step, rate, group) {
      const own = rate * (group.lrScale ?? 1);
      const rootCorrection = Math.sqrt(1 - beta2 ** step);
      return {
        keep: 1 - own * (group.weightDecay ?? weightDecay),
        stepSize: (own * rootCorrection) / (1 - beta1 ** step),
        epsilon: eps * rootCorrection,
      };
    },
    update(parameter, gradient, slots, { keep, stepSize, epsilon }) {
      return tidy(() => {
        const { exp_avg: m, exp_avg_sq: v } = slots as { exp_avg: Tensor; exp_avg_sq: Tensor };
        const nextM = add(mul(m, beta1), mul(gradient, 1 - beta1));
        const nextV = add(mul(v, beta2), mul(square(gradient), 1 - beta2));
        const denominator = add(sqrt(nextV), epsilon as Tensor);
        const next = sub(mul(parameter, keep as Tensor), mul(div(nextM, denominator), stepSize as Tensor));
        return { parameter: next, slots: { exp_avg: nextM, exp_avg_sq: nextV } };
      });
    },
  };
}
