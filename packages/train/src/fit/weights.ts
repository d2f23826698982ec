/** Between a step's state and a model's variables. */
import type { Trainable } from "@vitrail/jit";
import { tensor } from "@vitrail/tensor";
import { EMA_SLOT } from "../optimizers/ema.ts";

/** Values by name, in tfjs's layout. */
export type Values = Readonly<Record<string, { readonly shape: readonly number[]; readonly data: Float32Array }>>;

/** The parameters and buffers of a step's state by their names; `averaged` takes the moving averages where there are such. */
export function weightsOf(values: Values, averaged: boolean): Values {
  const names = Object.keys(values).flatMap((key) => (key.startsWith("param:") ? [key.slice("param:".length)] : []));
  return Object.fromEntries(
    names.map((name) => [name, (averaged ? values[`${EMA_SLOT}:${name}`] : undefined) ?? values[`param:${name}`]]),
  ) as Values;
}

/** Writes values into a model's variables; those that are not named stay. */
export function assignWeights({ params }: Trainable, values: Values): void {
  for (const [name, { variable }] of params.named()) {
    const value = values[name];
    if (!value) continue;
    const next = tensor(value.data, [...value.shape]);
    variable.assign(next);
    next.dispose();
  }
}
