import { add, mul, sub, type Tensor, tidy } from "@vitrail/tensor";
import { checkRange, type Optimizer, type OptimizerOptions } from "./optimizer.ts";

export interface SgdOptions extends OptimizerOptions {
  /** Default 0. */
  readonly momentum?: number;
  /** Default 0; not with Nesterov's momentum. */
  readonly dampening?: number;
  /** Default 0; added to the gradient, as torch does. */
  readonly weightDecay?: number;
  /** Default false. */
  readonly nesterov?: boolean;
}

/**
 * Stochastic gradient descent with momentum, in torch's form (the learning rate outside the momentum):
 *
 *     g ← g + λ p,  b ← μ b + (1 − τ) g  (b ← g in the first step),  p ← p − lr b  (Nesterov: p − lr (g + μ b))
 */
export function sgd({
  lr,
  momentum = 0,
  dampening = 0,
  weightDecay = 0,
  nesterov = false,
  groupOf = () => ({}),
}: SgdOptions): Optimizer {
  checkRange("sgd: lr", lr, 0);
  checkRange("sgd: momentum", momentum, 0);
  checkRange("sgd: weightDecay", weightDecay, 0);
  if (nesterov && (momentum === 0 || dampening !== 0)) {
    throw new RangeError(`sgd: nesterov needs a momentum and no dampening, found ${momentum} and ${dampening}`);
  }
  return {
    lr,
    slots: momentum === 0 ? [] : ["momentum_buffer"],
    groupOf,
    pointwise: true,
    scalars: (step, rate, group) => ({
      rate: rate * (group.lrScale ?? 1),
      decay: group.weightDecay ?? weightDecay,
      // In the first step the buffer is the gradient itself, whatever the dampening.
      fresh: step === 1 ? 1 : 1 - dampening,
    }),
    update(parameter, gradient, slots, { rate, decay, fresh }) {
      return tidy(() => {
        const g = add(gradient, mul(parameter, decay as Tensor));
        const down = (direction: Tensor) => sub(parameter, mul(direction, rate as Tensor));
        if (momentum === 0) return { parameter: down(g), slots: {} };
        const buffer = add(
          mul(slots.momentum_buffer as Tensor, momentum),
          dampening === 0 ? g : mul(g, fresh as Tensor),
        );
        return {
          parameter: down(nesterov ? add(g, mul(buffer, momentum)) : buffer),
          slots: { momentum_buffer: buffer },
        };
      });
    },
  };
}
