import { add, matMul, reshape, type Tensor, type Tensor2D, type Variable } from "@vitrail/tensor";
import { type Context, inference } from "./context.ts";
import { fanInUniform, type Init, kaimingUniform } from "./init.ts";
import type { LowRank, Params } from "./params.ts";

export interface LinearOptions {
  /** Default true. */
  readonly bias?: boolean;
  /** Default: torch's, even within 1/√in. */
  readonly init?: Init;
  /** Default: torch's, even within 1/√in. */
  readonly biasInit?: Init;
}

/** y = x Wᵀ + b over the last axis. Weight is [out, in] in the checkpoint, as in torch. */
export class Linear {
  readonly path: string;
  readonly weight: Variable;
  readonly bias: Variable | undefined;
  /** Added to the answer, where the parameters were made by `addLora`. */
  readonly lowRank: LowRank | undefined;
  readonly inDim: number;
  readonly outDim: number;

  constructor(
    p: Params,
    inDim: number,
    outDim: number,
    { bias = true, init = kaimingUniform(), biasInit = fanInUniform(inDim) }: LinearOptions = {},
  ) {
    this.path = p.path;
    this.inDim = inDim;
    this.outDim = outDim;
    // Held as [in, out]: multiplying by a transposed weight is 11 times slower on wasm.
    this.weight = p.get("weight", [outDim, inDim], { init, permute: [1, 0] });
    this.bias = bias ? p.get("bias", [outDim], { init: biasInit }) : undefined;
    this.lowRank = p.lowRank?.(p, inDim, outDim);
  }

  /** [..., in] -> [..., out] */
  forward<T extends Tensor>(x: T, ctx: Context = inference): T {
    const { inDim, outDim } = this;
    if (x.shape.at(-1) !== inDim) {
      throw new RangeError(`${this.path || "Linear"}: expected [..., ${inDim}], found [${x.shape.join(", ")}]`);
    }
    // Flat to rank 2: matMul broadcasts [B, N, in] by [in, out] forward, but its gradient does not.
    const flat = (x.rank === 2 ? x : reshape(x, [-1, inDim])) as Tensor as Tensor2D;
    const product = matMul(flat, this.weight as Tensor as Tensor2D);
    const whole = this.lowRank ? add(product, this.lowRank.forward(flat, ctx)) : product;
    const sum = this.bias ? add(whole, this.bias) : whole;
    const y = (x.rank === 2 ? sum : reshape(sum, [...x.shape.slice(0, -1), outDim])) as Tensor as T;
    ctx.tap(this.path, y);
    ctx.count?.({ name: this.path, kind: "Linear", outputShape: y.shape, macs: x.size * outDim });
    return y;
  }
}
