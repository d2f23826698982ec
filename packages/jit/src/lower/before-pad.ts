import type { Value } from "../ir.ts";

/** A map and what was put around it. */
export interface Unpadded {
  readonly source: Value;
  /** Rows above, columns before, rows below, columns behind. */
  readonly around: readonly [top: number, left: number, bottom: number, right: number];
}

/**
 * What `x` was before `value` was put around it: models pad by hand. `x` itself where it is not padded, or otherwise than around its
 * rows and columns, whose axes these are: [1, 2] of channels-last.
 */
export function beforePad(x: Value, value: number, [rows, columns]: readonly [number, number] = [1, 2]): Unpadded {
  const none: Unpadded = { source: x, around: [0, 0, 0, 0] };
  const node = x.producer;
  if (node?.op !== "Pad" || node.attrs.value !== value) return none;
  const pads = node.attrs.pads as readonly number[];
  const rank = x.shape.length;
  const fits = pads.every((p, i) => (i % rank === rows || i % rank === columns ? p >= 0 : p === 0));
  if (!fits) return none;
  const around = [rows, columns, rank + rows, rank + columns].map((i) => pads[i] as number);
  return { source: node.inputs[0] as Value, around: around as [number, number, number, number] };
}
