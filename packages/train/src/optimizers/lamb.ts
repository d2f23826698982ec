import {
  add,
  div,
  greater,
  logicalAnd,
  minimum,
  mul,
  scalar,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  tidy,
  where,
} from "@vitrail/tensor";
import { cautious } from "./cautious.ts";
import { checkRange, type Optimizer, type OptimizerOptions } from "./optimizer.ts";

export interface LambOptions extends OptimizerOptions {
  /** Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Default 1e-6. */
  readonly eps?: number;
  /** Default 0.01. */
  readonly weightDecay?: number;
  /** Divides the moments by 1 − βᵗ. Default true. */
  readonly biasCorrection?: boolean;
  /** Whether a gradient enters the first moment as (1 − β₁) g, not as g. Default true. */
  readonly gradAveraging?: boolean;
  /** No trust ratio above 1 (LAMBC). Default false. */
  readonly trustClip?: boolean;
  /** Trust ratios for parameters without weight decay too. Default false. */
  readonly alwaysAdapt?: boolean;
  /** Passes over the values whose update points against the gradient: https://arxiv.org/abs/2411.16085. Default false. */
  readonly caution?: boolean;
  /** Takes the decay from the parameter, as AdamW does, not into the update. Default false. */
  readonly decoupledDecay?: boolean;
}

const normOf = (x: Tensor): Tensor => sqrt(sum(square(x)));

/**
 * LAMB: "Large Batch Optimization for Deep Learning", https://arxiv.org/abs/1904.00962, in the order of timm's `Lamb`:
 *
 *     m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²
 *     u ← m / (1 − β₁ᵗ) / (√v / √(1 − β₂ᵗ) + ε) + λ p
 *     p ← p − lr ‖p‖ / ‖u‖ · u
 *
 * The trust ratio ‖p‖ / ‖u‖ is the whole parameter's; it is 1 where either norm is 0, and (unless `alwaysAdapt`) where the
 * parameter has no weight decay. timm's `max_grad_norm` (1 by default there) bounds the norm of all gradients together,
 * which one parameter's rule does not see: give it to the step as `clipNorm`.
 */
export function lamb({
  lr,
  betas: [beta1, beta2] = [0.9, 0.999],
  eps = 1e-6,
  weightDecay = 0.01,
  biasCorrection = true,
  gradAveraging = true,
  trustClip = false,
  alwaysAdapt = false,
  caution = false,
  decoupledDecay = false,
  groupOf = () => ({}),
}: LambOptions): Optimizer {
  checkRange("lamb: lr", lr, 0);
  checkRange("lamb: betas[0]", beta1, 0, 1);
  checkRange("lamb: betas[1]", beta2, 0, 1);
  checkRange("lamb: eps", eps, 0);
  checkRange("lamb: weightDecay", weightDecay, 0);
  return {
    lr,
    slots: ["exp_avg", "exp_avg_sq"],
    groupOf,
    scalars(step, rate, group) {
      const own = rate * (group.lrScale ?? 1);
      const decay = group.weightDecay ?? weightDecay;
      return {
        rate: own,
        // Of the parameter: what stays of it, and what of it enters the update.
        keep: decoupledDecay ? 1 - own * decay : 1,
        decay: decoupledDecay ? 0 : decay,
        correction: biasCorrection ? 1 - beta1 ** step : 1,
        rootCorrection: biasCorrection ? Math.sqrt(1 - beta2 ** step) : 1,
        adapt: alwaysAdapt || decay !== 0 ? 1 : 0,
      };
    },
    update(parameter, gradient, slots, scalars) {
      const { rate, keep, decay, correction, rootCorrection, adapt } = scalars as Record<string, Tensor> & {
        readonly [name in "rate" | "keep" | "decay" | "correction" | "rootCorrection" | "adapt"]: Tensor;
      };
      return tidy(() => {
        const { exp_avg: m, exp_avg_sq: v } = slots as { exp_avg: Tensor; exp_avg_sq: Tensor };
        const nextM = add(mul(m, beta1), gradAveraging ? mul(gradient, 1 - beta1) : gradient);
        const nextV = add(mul(v, beta2), mul(square(gradient), 1 - beta2));
        const denominator = add(div(sqrt(nextV), rootCorrection), eps);
        const plain: Tensor = div(div(nextM, correction), denominator);
        const direction = caution ? cautious(plain, gradient) : plain;
        const kept = decoupledDecay ? mul(parameter, keep) : parameter;
        const update = decoupledDecay ? direction : add(direction, mul(parameter, decay));

        const [size, length] = [normOf(kept), normOf(update)];
        const ratio = trustClip ? minimum(div(size, length), 1) : div(size, length);
        const adapts = logicalAnd(greater(mul(size, adapt), 0), greater(length, 0));
        const trust = where(adapts, ratio, scalar(1));
        const next = sub(kept, mul(mul(update, trust), rate));
        return { parameter: next, slots: { exp_avg: nextM, exp_avg_sq: nextV } };
      });
    },
  };
}
