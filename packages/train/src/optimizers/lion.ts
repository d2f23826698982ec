import { add, mul, sign, sub, type Tensor, tidy } from "@vitrail/tensor";
import { cautious } from "./cautious.ts";
import { checkRange, type Optimizer, type OptimizerOptions } from "./optimizer.ts";

export interface LionOptions extends OptimizerOptions {
  /** Default [0.9, 0.99]. */
  readonly betas?: readonly [number, number];
  /** Default 0. Three to ten times AdamW's, with a rate as many times smaller. */
  readonly weightDecay?: number;
  /** Passes over the values whose update points against the gradient: https://arxiv.org/abs/2411.16085. Default false. */
  readonly caution?: boolean;
}

/**
 * Lion: "Symbolic Discovery of Optimization Algorithms", https://arxiv.org/abs/2302.06675, in the order of timm's `Lion`:
 *
 *     p ← p (1 − lr λ) − lr sign(β₁ m + (1 − β₁) g)
 *     m ← m + (g − m)(1 − β₂)
 */
export function lion({
  lr,
  betas: [beta1, beta2] = [0.9, 0.99],
  weightDecay = 0,
  caution = false,
  groupOf = () => ({}),
}: LionOptions): Optimizer {
  checkRange("lion: lr", lr, 0);
  checkRange("lion: betas[0]", beta1, 0, 1);
  checkRange("lion: betas[1]", beta2, 0, 1);
  checkRange("lion: weightDecay", weightDecay, 0);
  return {
    lr,
    slots: ["exp_avg"],
    groupOf,
    pointwise: !caution,
    scalars(_step, base, group) {
      const rate = base * (group.lrScale ?? 1);
      return { rate, keep: 1 - rate * (group.weightDecay ?? weightDecay) };
    },
    update(parameter, gradient, slots, { rate, keep }) {
      return tidy(() => {
        const m = slots.exp_avg as Tensor;
        const plain: Tensor = sign(add(mul(m, beta1), mul(gradient, 1 - beta1)));
        const direction = caution ? cautious(plain, gradient) : plain;
        const next = sub(mul(parameter, keep as Tensor), mul(direction, rate as Tensor));
        return { parameter: next, slots: { exp_avg: add(m, mul(sub(gradient, m), 1 - beta2)) } };
      });
    },
  };
}
