/** The gradients of pooling. */
import { gemm, mul, pad, reshape, slice, toNchw, toNhwc } from "../build.ts";
import { type Graph, sizeOf, type Value } from "../ir.ts";
import { type ConvInfo, nchw, windowAttrs } from "./conv-info.ts";
import { type KernelCall, type LoweringTable, operand } from "./lowering.ts";
import { maxPool, poolInfo } from "./pooling.ts";

/** Each slope goes to the position that was the greatest of its window: positions come from the forward pass's own op. */
function maxPoolGrad(call: KernelCall): Value {
  const { g } = call;
  const [dy, input] = [operand(call, "dy"), operand(call, "input")];
  const { indices, source, around } = maxPool(call, input);
  const [top, left, bottom, right] = around;
  const shape = nchw(source.shape);
  // Written by the thread that adds to them, where Expand's come from all (docs/decisions/0010).
  const zeros = g.add("ConstantOfShape", [], { shape: [sizeOf(shape)] }, [sizeOf(shape)]);
  const [at, slopes] = [indices, toNchw(g, dy)].map((v) => reshape(g, v, [sizeOf(v.shape)])) as [Value, Value];
  const attrs = { axis: 0, reduction: "add" };
  const flat = g.add("ScatterElements", [zeros, at, slopes], attrs, [sizeOf(shape)]);
  // Of the padding, nothing was ever the greatest; what follows cuts it away again.
  return pad(g, toNhwc(g, reshape(g, flat, shape)), [0, top, left, 0, 0, bottom, right, 0], 0);
}

/**
 * `x` with zeros after each row and column: stride's holes. [N, C, h sh, w sw]. A product with ones and zeros, which is exact, lays
 * a row out with the rows of zeros that follow it: 0.6 ms where a pad of single values takes 4.7 (8 MB).
 */
function spread(g: Graph, x: Value, info: ConvInfo): Value {
  const [N, C, h, w] = x.shape as [number, number, number, number];
  const { strideHeight: sh, strideWidth: sw } = info;
  if (sh === 1 && sw === 1) return x;
  const places = new Float32Array(w * sh * w * sw);
  for (let i = 0; i < w; i++) places[i * sh * w * sw + i * sw] = 1;
  const rows = gemm(g, reshape(g, x, [N * C * h, w]), g.constant(places, [w, sh * w * sw], "float32"), false, false);
  return reshape(g, rows, [N, C, h * sh, w * sw]);
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
  const [N, C, h, w] = holes.shape as [number, number, number, number];
  // To the padded map and a window around, less where the holes reach further.
  const below = info.inHeight + top + bottom - h;
  const beside = info.inWidth + left + right - w;
  const seen = slice(g, holes, [0, 0, 0, 0], [N, C, h + Math.min(0, below), w + Math.min(0, beside)]);
  const wide = pad(g, seen, [0, 0, kh - 1, kw - 1, 0, 0, Math.max(0, below), Math.max(0, beside)], 0);
  const shape = nchw([info.batchSize, info.inHeight + top + bottom, info.inWidth + left + right, info.inChannels]);
  const { dilations: _, ...window } = { ...windowAttrs(info), strides: [1, 1], pads: [0, 0, 0, 0] };
  const summed = kh * kw === 1 ? wide : mul(g, g.add("AveragePool", [wide], window, shape), g.scalar(kh * kw));
  const begin = [0, 0, top, left];
  const end = [info.batchSize, info.inChannels, top + info.inHeight, left + info.inWidth];
  return toNhwc(g, slice(g, summed, begin, end));
}

export const poolGradients: LoweringTable = { MaxPoolGrad: maxPoolGrad, AvgPoolGrad: avgPoolGrad };
