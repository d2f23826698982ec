import { add, mul, sub, type Tensor, tidy } from "@vitrail/tensor";
import { type EmaOptions, emaDecay } from "../ema.ts";
import type { Optimizer, Scalars, Slots } from "./optimizer.ts";

/** The slot in which {@link withEma} keeps a parameter's average. */
export const EMA_SLOT = "ema";

/** Settings of {@link withEma}. */
export interface WithEmaOptions extends EmaOptions {
  /** Leaves BatchNorm's running statistics out: the averaged model then has the newest ones. Default false. */
  readonly excludeBuffers?: boolean;
}

/**
 * An optimiser that also keeps the moving average of each parameter and buffer, as timm's `ModelEmaV3` does after each
 * update: a slot beside the optimiser's own, so that it lives where the parameters live, costs a compiled step no transfer,
 * and is saved and restored with them. In the first update the decay is 0: the average starts as the parameter, whatever
 * was before.
 *
 *     e ← e + (1 − decay) (p − e)
 */
export function withEma(optimizer: Optimizer, options: WithEmaOptions = {}): Optimizer {
  emaDecay(1, options); // complains now
  const moved = (slots: Slots, value: Tensor, { emaShare }: Scalars): Slots => {
    const average = slots[EMA_SLOT] as Tensor;
    return { [EMA_SLOT]: add(average, mul(sub(value, average), emaShare as Tensor)) };
  };
  return {
    ...optimizer,
    slots: [...optimizer.slots, EMA_SLOT],
    scalars(step, lr, group) {
      // 1 − decay in double precision: in float32 the difference would keep but three digits of it.
      return { ...optimizer.scalars(step, lr, group), emaShare: 1 - emaDecay(step, options) };
    },
    update(parameter, gradient, slots, scalars) {
      return tidy(() => {
        const { parameter: next, slots: own } = optimizer.update(parameter, gradient, slots, scalars);
        return { parameter: next, slots: { ...own, ...moved(slots, next, scalars) } };
      });
    },
    ...(options.excludeBuffers
      ? {}
      : {
          buffers: { slots: [EMA_SLOT], update: (value, slots, scalars) => tidy(() => moved(slots, value, scalars)) },
        }),
  };
}
