import {
  add,
  batchNorm,
  batchNormTraining,
  layerNorm,
  mean,
  mul,
  reshape,
  rsqrt,
  square,
  sub,
  type Tensor,
  type Tensor1D,
  type Tensor4D,
  type Variable,
} from "@vitrail/tensor";
import { type Context, inference } from "./context.ts";
import { type Init, ones, zeros } from "./init.ts";
import type { Params } from "./params.ts";

/**
 * Batch normalisation over [B, H, W] of each channel, https://arxiv.org/abs/1502.03167.
 *
 * In training the batch's own mean and (biased) variance normalise, and the running statistics move towards the mean and
 * the *unbiased* variance by `momentum`, through `ctx.update`. In inference, and where `ctx.frozen` says so, the running
 * statistics normalise.
 */
export class BatchNorm2d {
  readonly path: string;
  readonly weight: Variable;
  readonly bias: Variable;
  readonly runningMean: Variable;
  readonly runningVar: Variable;
  readonly eps: number;
  readonly momentum: number;

  constructor(
    p: Params,
    channels: number,
    { eps = 1e-5, momentum = 0.1, init = ones }: { eps?: number; momentum?: number; init?: Init } = {},
  ) {
    this.path = p.path;
    this.eps = eps;
    this.momentum = momentum;
    this.weight = p.get("weight", [channels], { init });
    this.bias = p.get("bias", [channels], { init: zeros });
    this.runningMean = p.get("running_mean", [channels], { init: zeros, trainable: false });
    this.runningVar = p.get("running_var", [channels], { init: ones, trainable: false });
  }

  /** [B, H, W, C] -> [B, H, W, C] */
  forward(x: Tensor4D, ctx: Context = inference): Tensor4D {
    const training = ctx.training && !ctx.frozen?.(this.path);
    const y = training ? normaliseBatch(this, x, ctx) : normaliseRunning(this, x);
    ctx.tap(this.path, y);
    ctx.count?.({ name: this.path, kind: "BatchNorm2d", outputShape: y.shape, macs: 2 * y.size });
    return y;
  }
}

// Not private methods: those would tie the type to one copy of this package.
function normaliseRunning({ weight, bias, runningMean, runningVar, eps }: BatchNorm2d, x: Tensor4D): Tensor4D {
  const vector = (v: Variable) => v as Tensor as Tensor1D;
  return batchNorm(x, vector(runningMean), vector(runningVar), vector(bias), vector(weight), eps);
}

function normaliseBatch({ path, weight, bias, ...norm }: BatchNorm2d, x: Tensor4D, ctx: Context): Tensor4D {
  const count = x.size / (x.shape[3] as number);
  if (count < 2) {
    throw new RangeError(
      `${path || "BatchNorm2d"}: one value a channel ([${x.shape.join(", ")}]) has no variance; train with a larger batch`,
    );
  }
  const { y, mean: batchMean, variance } = batchNormTraining(x, weight, bias, norm.eps);
  const move = (running: Variable, value: Tensor) =>
    ctx.update(running, add(mul(running, 1 - norm.momentum), mul(value, norm.momentum)));
  move(norm.runningMean, batchMean);
  move(norm.runningVar, mul(variance, count / (count - 1)));
  return y as Tensor4D;
}

/** Group normalisation, https://arxiv.org/abs/1803.08494: each image's channels in `groups`, over the whole map. */
export class GroupNorm {
  readonly path: string;
  readonly weight: Variable;
  readonly bias: Variable;
  readonly groups: number;
  readonly eps: number;

  constructor(p: Params, groups: number, channels: number, { eps = 1e-5 }: { eps?: number } = {}) {
    if (channels % groups !== 0) {
      throw new RangeError(`${p.path}: ${channels} channels do not fall into ${groups} groups`);
    }
    this.path = p.path;
    this.groups = groups;
    this.eps = eps;
    this.weight = p.get("weight", [channels], { init: ones });
    this.bias = p.get("bias", [channels], { init: zeros });
  }

  /** [B, H, W, C] -> [B, H, W, C] */
  forward(x: Tensor4D, ctx: Context = inference): Tensor4D {
    const [B, H, W, C] = x.shape;
    const G = this.groups;
    const grouped = reshape(x as Tensor, [B, H * W, G, C / G]);
    const centred = sub(grouped, mean(grouped, [1, 3], true)); // [B, HW, G, C / G]
    const variance = mean(square(centred), [1, 3], true); // [B, 1, G, 1]
    const normalised = reshape(mul(centred, rsqrt(add(variance, this.eps))), [B, H, W, C]);
    const y = add(mul(normalised, this.weight), this.bias) as Tensor4D;
    ctx.tap(this.path, y);
    ctx.count?.({ name: this.path, kind: "GroupNorm", outputShape: y.shape, macs: 5 * y.size });
    return y;
  }
}

/** Layer normalisation over the last axis, https://arxiv.org/abs/1607.06450. */
export class LayerNorm {
  readonly path: string;
  readonly weight: Variable;
  readonly bias: Variable;
  readonly eps: number;

  /** `eps` is 1e-5 in torch and 1e-6 in timm's transformers. */
  constructor(p: Params, dim: number, { eps = 1e-5 }: { eps?: number } = {}) {
    this.path = p.path;
    this.eps = eps;
    this.weight = p.get("weight", [dim], { init: ones });
    this.bias = p.get("bias", [dim], { init: zeros });
  }

  /** [..., D] -> [..., D] */
  forward<T extends Tensor>(x: T, ctx: Context = inference): T {
    const y = layerNorm(x, this.weight, this.bias, this.eps) as Tensor as T;
    ctx.tap(this.path, y);
    ctx.count?.({ name: this.path, kind: "LayerNorm", outputShape: y.shape, macs: 5 * y.size });
    return y;
  }
}
