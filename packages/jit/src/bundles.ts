/** Parameters that an optimiser updates as one tensor: a network's many vectors cost a step more in calls than in arithmetic. */
import { concat, split, type Tensor } from "@vitrail/tensor";

export interface Bundled {
  readonly shape: readonly number[];
  /** Only what follows the same scalars is updated together. */
  readonly group: number;
}

/** Vectors of one group together, everything else by itself. In the order of the first of each. */
export function bundle<T extends Bundled>(entries: readonly T[], pointwise: boolean): readonly (readonly T[])[] {
  const bundles = new Map<unknown, T[]>();
  for (const entry of entries) {
    const key = pointwise && entry.shape.length === 1 ? entry.group : entry;
    bundles.set(key, [...(bundles.get(key) ?? []), entry]);
  }
  return [...bundles.values()];
}

/** One tensor of those of a bundle. */
export function join(tensors: readonly Tensor[]): Tensor {
  return tensors.length === 1 ? (tensors[0] as Tensor) : concat([...tensors], 0);
}

/** The inverse of {@link join}. */
export function apart(joined: Tensor, entries: readonly Bundled[]): readonly Tensor[] {
  if (entries.length === 1) return [joined];
  return split(
    joined,
    entries.map(({ shape }) => shape[0] as number),
  );
}
