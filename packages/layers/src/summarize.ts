import { type Tensor, type Tensor4D, tidy, zeros } from "@vitrail/tensor";
import { type Context, inference, type LayerCall } from "./context.ts";
import type { ParamStore } from "./params.ts";

/** One layer of a model, or one parameter that stands alone. */
export interface SummaryRow {
  /** Path as in the checkpoint. */
  readonly name: string;
  /** The layer's class, or `"parameter"`. */
  readonly kind: string;
  /** Of one image, the batch of 1 included. */
  readonly outputShape: readonly number[];
  readonly params: number;
  /** Multiply-accumulates of one image. */
  readonly macs: number;
}

export interface Summary {
  /** Learned values, buffers not counted. */
  readonly params: number;
  /** Billions of multiply-accumulates of one image. */
  readonly gmacs: number;
  readonly rows: readonly SummaryRow[];
}

/**
 * Counts a model's parameters and work by running it once on a blank image of `inputShape`, [H, W, 3] or [1, H, W, 3].
 *
 * As fvcore counts, and so timm: a multiplication with its addition is 1; Linear, Conv2d and attention's two products
 * count in full, BatchNorm 2 and the other norms 5 for each value; activations, pooling and additions count nothing.
 */
export function summarize(
  model: { readonly params: ParamStore; forward(x: Tensor4D, ctx?: Context): Tensor },
  inputShape: readonly number[],
): Summary {
  const shape = inputShape.length === 3 ? [1, ...inputShape] : [...inputShape];
  if (shape.length !== 4 || shape[0] !== 1) {
    throw new RangeError(`summarize: expected [H, W, 3] or [1, H, W, 3], found [${inputShape.join(", ")}]`);
  }
  const calls: LayerCall[] = [];
  tidy(() => {
    model.forward(zeros(shape as [number, number, number, number]), {
      ...inference,
      count: (call) => calls.push(call),
    });
  });

  const sizes = new Map<string, number>();
  for (const [name, { variable, trainable }] of model.params.named()) if (trainable) sizes.set(name, variable.size);
  let params = 0;
  for (const size of sizes.values()) params += size;

  const rows: SummaryRow[] = calls.map(({ name, kind, outputShape, macs }) => {
    let own = 0;
    for (const [parameter, size] of sizes) {
      if (parameter.slice(0, Math.max(0, parameter.lastIndexOf("."))) !== name) continue;
      own += size;
      sizes.delete(parameter); // a layer that runs twice owns its parameters once
    }
    return { name, kind, outputShape, params: own, macs };
  });
  for (const [name, size] of sizes) rows.push({ name, kind: "parameter", outputShape: [], params: size, macs: 0 });
  return { params, gmacs: rows.reduce((sum, row) => sum + row.macs, 0) / 1e9, rows };
}
