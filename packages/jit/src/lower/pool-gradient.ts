/** The gradients of pooling. */
import { expand, mul, pad, reshape, slice, toNchw, toNhwc } from "../build.ts";
import { type Graph, sizeOf, type Value } from "../ir.ts";
import { type ConvInfo, nchw, windowAttrs } from "./conv-info.ts";
import { type KernelCall, type LoweringTable, operand } from "./lowering.ts";
import { maxPool, poolInfo } from "./pooling.ts";

/** Each slope goes to the position that was the greatest of its window: positions come from the forward pass's own op. */
function maxPoolGrad(call: KernelCall): Value {
  const { g } = call;
  const [dy, input] = [operand(call, "dy"), operand(call, "input")];
  const { indices, source, pads } = maxPool(call, input);
  const shape = nchw(source.shape);
  const zeros = expand(g, g.scalar(0), [sizeOf(shape)]);
  const [at, slopes] = [indices, toNchw(g, dy)].map((v) => reshape(g, v, [sizeOf(v.shape)])) as [Value, Value];
  const attrs = { axis: 0, reduction: "add" };
  const flat = g.add("ScatterElements", [zeros, at, slopes], attrs, [sizeOf(shape)]);
  // Of the padding, nothing was ever the greatest; what follows cuts it away again.
  return pad(g, toNhwc(g, reshape(g, flat, shape)), pads, 0);
}

/** `x` with `gap` zeros after each row and column but the last: stride's holes. [N, C, h, w] */
function spread(g: Graph, x: Value, info: ConvInfo): Value {
  const [N, C, h, w] = x.shape as [number, number, number, number];
  const { strideHeight: sh, strideWidth: sw } = info;
  if (sh === 1 && sw === 1) return x;
  const apart = pad(g, reshape(g, x, [N, C, h, 1, w, 1]), [0, 0, 0, 0, 0, 0, 0, 0, 0, sh - 1, 0, sw - 1], 0);
  const whole = reshape(g, apart, [N, C, h * sh, w * sw]);
  return slice(g, whole, [0, 0, 0, 0], [N, C, (h - 1) * sh + 1, (w - 1) * sw + 1]);
}

/** Every pixel of a window gets its share; windows may overlap: the sum is a pool of the spread slopes. */
function avgPoolGrad(call: KernelCall): Value {
  const { g } = call;
  const [dy, input] = [operand(call, "dy"), operand(call, "input")];
  const info = poolInfo(call, input.shape);
  const { filterHeight: kh, filterWidth: kw } = info;
  const { top, left, bottom, right } = info.padInfo;
  const share = mul(g, toNchw(g, dy), g.scalar(1 / (kh * kw)));
  const holes = spread(g, share, info);
  const [, , h, w] = holes.shape as [number, number, number, number];
  const rest = [info.inHeight + bottom + top - (h + kh - 1), info.inWidth + left + right - (w + kw - 1)] as [
    number,
    number,
  ];
  const pads = [0, 0, kh - 1, kw - 1, 0, 0, kh - 1 + rest[0], kw - 1 + rest[1]];
  const wide = pad(g, holes, pads, 0);
  const shape = nchw([info.batchSize, info.inHeight + top + bottom, info.inWidth + left + right, info.inChannels]);
  const { dilations: _, ...window } = { ...windowAttrs(info), strides: [1, 1], pads: [0, 0, 0, 0] };
  const summed = kh * kw === 1 ? wide : mul(g, g.add("AveragePool", [wide], window, shape), g.scalar(kh * kw));
  const begin = [0, 0, top, left];
  const end = [info.batchSize, info.inChannels, top + info.inHeight, left + info.inWidth];
  return toNhwc(g, slice(g, summed, begin, end));
}

export const poolGradients: LoweringTable = { MaxPoolGrad: maxPoolGrad, AvgPoolGrad: avgPoolGrad };
