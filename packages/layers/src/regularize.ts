import { dropout, dropPath, mul, type Tensor, type Variable } from "@vitrail/tensor";
import { type Context, inference, streamOf } from "./context.ts";
import { constant } from "./init.ts";
import type { Params } from "./params.ts";

/** Zeroes each value with probability `rate` in training and scales the rest by 1 / (1 - rate). */
export class Dropout {
  readonly path: string;
  readonly rate: number;

  /** `path` names the layer's own stream of random numbers. */
  constructor(path: string, rate: number) {
    this.path = path;
    this.rate = checkRate(path, rate);
  }

  forward<T extends Tensor>(x: T, ctx: Context = inference): T {
    if (!ctx.training || this.rate === 0) return x;
    return dropout(x, this.rate, streamOf(ctx, this.path)) as Tensor as T;
  }
}

/** Stochastic depth, https://arxiv.org/abs/1603.09382: drops the whole branch of an image with probability `rate`. */
export class DropPath {
  readonly path: string;
  readonly rate: number;

  /** `path` names the layer's own stream of random numbers. */
  constructor(path: string, rate: number) {
    this.path = path;
    this.rate = checkRate(path, rate);
  }

  forward<T extends Tensor>(x: T, ctx: Context = inference): T {
    if (!ctx.training || this.rate === 0) return x;
    return dropPath(x, this.rate, streamOf(ctx, this.path)) as Tensor as T;
  }
}

/** timm's rule: the rate grows evenly from 0 at the first of `count` blocks to `rate` at the last. */
export function dropPathRates(rate: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => (count > 1 ? (rate * i) / (count - 1) : 0));
}

/** A learned factor for each channel, https://arxiv.org/abs/2103.17239. */
export class LayerScale {
  readonly path: string;
  readonly gamma: Variable;

  constructor(p: Params, dim: number, { initial = 1e-5 }: { initial?: number } = {}) {
    this.path = p.path;
    this.gamma = p.get("gamma", [dim], { init: constant(initial) });
  }

  /** [..., D] -> [..., D] */
  forward<T extends Tensor>(x: T, ctx: Context = inference): T {
    const y = mul(x, this.gamma) as Tensor as T;
    ctx.tap(this.path, y);
    return y;
  }
}

function checkRate(path: string, rate: number): number {
  if (!(rate >= 0 && rate < 1)) throw new RangeError(`${path}: a drop rate is at least 0 and below 1, found ${rate}`);
  return rate;
}
