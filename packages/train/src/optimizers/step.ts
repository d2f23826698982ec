import { scalar, type Tensor, tidy, zerosLike } from "@vitrail/tensor";
import type { Optimizer, Slots } from "./optimizer.ts";

/** Named tensors: parameters, gradients. */
export type Named = Readonly<Record<string, Tensor>>;

/** Everything that an optimiser carries from step to step. */
export interface OptimizerState {
  /** Steps done. */
  readonly step: number;
  readonly slots: Readonly<Record<string, Slots>>;
}

/** The state before the first step: zeros, the caller's to dispose. */
export function initialState(optimizer: Optimizer, parameters: Named): OptimizerState {
  const slots = Object.entries(parameters).map(([name, parameter]): [string, Slots] => [
    name,
    Object.fromEntries(optimizer.slots.map((slot) => [slot, zerosLike(parameter)])),
  ]);
  return { step: 0, slots: Object.fromEntries(slots) };
}

/**
 * One step of all parameters: from (parameters, gradients, state) to new ones. Nothing is changed or disposed; the new
 * tensors are the caller's.
 * @param lr this step's learning rate; default: the optimiser's
 * @throws RangeError where a gradient is missing
 */
export function optimizerStep<P extends Named>(
  optimizer: Optimizer,
  parameters: P,
  gradients: { readonly [name in keyof P]: Tensor },
  state: OptimizerState,
  lr: number = optimizer.lr,
): { readonly parameters: P; readonly state: OptimizerState } {
  const step = state.step + 1;
  const next: Record<string, Tensor> = {};
  const slots: Record<string, Slots> = {};
  for (const [name, parameter] of Object.entries(parameters)) {
    const gradient = gradients[name];
    const own = state.slots[name];
    if (!gradient || !own) throw new RangeError(`${name}: expected a gradient and its state, found none`);
    const numbers = optimizer.scalars(step, lr, optimizer.groupOf(name, parameter.shape));
    // As one container, so that tidy keeps exactly what is returned.
    const result = tidy(() => {
      const scalars = Object.fromEntries(Object.entries(numbers).map(([key, value]) => [key, scalar(value)]));
      const { parameter: p, slots: s } = optimizer.update(parameter, gradient, own, scalars);
      return { p, s: { ...s } };
    });
    next[name] = result.p;
    slots[name] = result.s;
  }
  return { parameters: next as P, state: { step, slots } };
}
