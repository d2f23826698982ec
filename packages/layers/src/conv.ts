import {
  add,
  concat,
  conv2d,
  depthwiseConv2d,
  reshape,
  split,
  type Tensor,
  type Tensor4D,
  type Variable,
} from "@vitrail/tensor";
import { type Context, inference } from "./context.ts";
import { fanInUniform, type Init, kaimingUniform } from "./init.ts";
import type { Params } from "./params.ts";
import { padSides } from "./pool.ts";

export interface Conv2dOptions {
  /** Default 1. */
  readonly stride?: number;
  /** Zeros on each of the four sides. Default 0. */
  readonly padding?: number;
  /** Distance between the kernel's taps. Default 1. tfjs has no gradient for more. */
  readonly dilation?: number;
  /** Input and output channels fall into so many independent groups. Default 1. */
  readonly groups?: number;
  /** Default true. */
  readonly bias?: boolean;
  /** Default: torch's, even within 1/√fanIn. */
  readonly init?: Init;
  /** Default: torch's, even within 1/√fanIn. */
  readonly biasInit?: Init;
}

/** 2-D convolution (cross-correlation, as in torch). Weight is [out, in / groups, kh, kw] in the checkpoint. */
export class Conv2d {
  readonly path: string;
  readonly weight: Variable;
  readonly bias: Variable | undefined;
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
  readonly groups: number;
  readonly inChannels: number;
  readonly outChannels: number;

  constructor(
    p: Params,
    inChannels: number,
    outChannels: number,
    kernel: number,
    { stride = 1, padding = 0, dilation = 1, groups = 1, bias = true, init, biasInit }: Conv2dOptions = {},
  ) {
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw new RangeError(
        `${p.path}: ${inChannels} input and ${outChannels} output channels do not fall into ${groups} groups`,
      );
    }
    this.path = p.path;
    this.stride = stride;
    this.padding = padding;
    this.dilation = dilation;
    this.groups = groups;
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    const shape = [outChannels, inChannels / groups, kernel, kernel];
    this.weight = p.get("weight", shape, { init: init ?? kaimingUniform(), permute: [2, 3, 1, 0] }); // OIHW -> HWIO
    const fanIn = (inChannels / groups) * kernel * kernel;
    this.bias = bias ? p.get("bias", [outChannels], { init: biasInit ?? fanInUniform(fanIn) }) : undefined;
  }

  /** [B, H, W, in] -> [B, H', W', out] with H' = floor((H + 2 padding - dilation (kernel - 1) - 1) / stride) + 1 */
  forward(x: Tensor4D, ctx: Context = inference): Tensor4D {
    if (x.rank !== 4 || x.shape[3] !== this.inChannels) {
      const found = `[${x.shape.join(", ")}]`;
      throw new RangeError(`${this.path || "Conv2d"}: expected [B, H, W, ${this.inChannels}], found ${found}`);
    }
    // Not "same": at stride 2 it pads unlike torch. Not numeric: tfjs-node takes only "same" and "valid".
    const product: Tensor4D = convolve(this, padSides(x, this.padding, 0));
    const y = (this.bias ? add(product, this.bias) : product) as Tensor4D;
    ctx.tap(this.path, y);
    const [kh, kw, perGroup] = this.weight.shape as [number, number, number];
    ctx.count?.({ name: this.path, kind: "Conv2d", outputShape: y.shape, macs: y.size * kh * kw * perGroup });
    return y;
  }
}

// Not a private method: those would tie the type to one copy of this package.
function convolve({ weight: held, stride, dilation, groups, inChannels }: Conv2d, x: Tensor4D): Tensor4D {
  const weight = held as Tensor as Tensor4D; // [kh, kw, in / groups, out]
  if (groups === 1) return conv2d(x, weight, stride, "valid", "NHWC", dilation);
  const [kh, kw, , out] = weight.shape;
  if (groups === inChannels) {
    // Output channel c * m + i reads input channel c: with one input channel a group, HWIO is tfjs's HWCM reshaped.
    const filter = reshape(weight, [kh, kw, groups, out / groups]) as Tensor4D;
    return depthwiseConv2d(x, filter, stride, "valid", "NHWC", dilation);
  }
  // tfjs has no grouped convolution.
  const inputs = split<Tensor4D>(x, groups, 3);
  const filters = split<Tensor4D>(weight, groups, 3);
  return concat(
    inputs.map((input, g) => conv2d(input, filters[g] as Tensor4D, stride, "valid", "NHWC", dilation)),
    3,
  );
}
