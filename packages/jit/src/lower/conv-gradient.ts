/**
 * The gradients of convolutions. Rules of choice are fixed, from measurements on two AVX-512 machines (docs/decisions).
 *
 * Shapes: N images; C input and K output channels; H x W the input's map, h x w the output's; kh x kw the filter.
 */
import {
  concat,
  gatherAt,
  gemm,
  matMul,
  pad,
  reduce,
  reshape,
  slice,
  toHwio,
  toNchw,
  toNhwc,
  toOihw,
  transpose,
} from "../build.ts";
import { type Graph, sameShape, type Value } from "../ir.ts";
import { beforePad } from "./before-pad.ts";
import { leaveOpen } from "./choice.ts";
import { type ConvInfo, convInfo, nchw } from "./conv-info.ts";
import { besideEachOther, type FilterShape, swapFirst } from "./filter-products.ts";
import { attr, type LoweringTable, operand, unsupported } from "./lowering.ts";
import { type Before, movedFilter, movedTaps } from "./moved-maps.ts";
import { isPatches, patchConvFilter, patchConvInput } from "./patches.ts";

/** From this many pixels of the output a 1 x 1 filter's gradient is a product per image, summed; below, one product. */
const PIXELS_PER_IMAGE = 196;
/** Below this many pixels of the output the taps are joined to one product instead of one product each. */
const PIXELS_PER_TAP = 100;
/** With fewer input channels than this a product per tap has too few rows. */
const CHANNELS_PER_TAP = 16;
/** Turning the filter around pays up to this many of its values for each output pixel. */
const FLIP_VALUES_PER_PIXEL = 128;

/** The gradient for the input, [N, H, W, C]. */
function inputGradient(g: Graph, dy: Value, filter: Value, info: ConvInfo): Value {
  const { filterHeight: kh, filterWidth: kw, strideHeight: sh, strideWidth: sw, inChannels: C, outChannels: K } = info;
  const { top, left, bottom, right } = info.padInfo;
  const pixels = info.batchSize * info.outHeight * info.outWidth;
  const shape = nchw(info.inShape);
  const weight = toOihw(g, filter);
  if (sh === 1 && sw === 1 && (kh * kw === 1 || kh * kw * C * K <= pixels * FLIP_VALUES_PER_PIXEL)) {
    const flipped =
      kh * kw === 1
        ? weight
        : g.add(
            "Slice",
            [weight],
            { starts: [-1, -1], ends: [-(2 ** 31), -(2 ** 31)], axes: [2, 3], steps: [-1, -1] },
            weight.shape,
          );
    const pads = [kh - 1 - top, kw - 1 - left, kh - 1 - bottom, kw - 1 - right];
    if (pads.every((p) => p >= 0)) {
      const attrs = { kernel_shape: [kh, kw], strides: [1, 1], dilations: [1, 1], pads, group: 1 };
      return toNhwc(g, g.add("Conv", [toNchw(g, dy), swapFirst(g, flipped)], attrs, shape));
    }
  }
  const rest = [
    info.inHeight - ((info.outHeight - 1) * sh + kh - top - bottom),
    info.inWidth - ((info.outWidth - 1) * sw + kw - left - right),
  ];
  const attrs = {
    kernel_shape: [kh, kw],
    strides: [sh, sw],
    pads: [top, left, bottom, right],
    output_padding: rest,
    group: 1,
  };
  return toNhwc(g, g.add("ConvTranspose", [toNchw(g, dy), weight], attrs, shape));
}

const filterShape = ({ outChannels, inChannels, filterHeight, filterWidth }: ConvInfo): FilterShape => [
  outChannels,
  inChannels,
  filterHeight,
  filterWidth,
];

/** Where the window's tap (i, j) reads: begin, end (past the last) and step along both sides of the padded map. */
function tapRange(info: ConvInfo, i: number, j: number): { begin: number[]; end: number[]; step: number[] } {
  const { strideHeight: sh, strideWidth: sw, outHeight: h, outWidth: w } = info;
  return { begin: [i, j], end: [i + (h - 1) * sh + 1, j + (w - 1) * sw + 1], step: [sh, sw] };
}

function taps<T>(info: ConvInfo, f: (i: number, j: number) => T): T[] {
  const { filterHeight: kh, filterWidth: kw } = info;
  return Array.from({ length: kh * kw }, (_, t) => f(Math.floor(t / kw), t % kw));
}

/** A product of the slope with what the taps see for each image, [N, C kh kw, h w], and their sum. */
function summedProduct(g: Graph, dy: Value, seen: Value, filter: FilterShape): Value {
  const [N, , pixels] = seen.shape as [number, number, number];
  const each = matMul(g, reshape(g, toNchw(g, dy), [N, filter[0], pixels]), transpose(g, seen, [0, 2, 1]));
  return reshape(g, reduce(g, "ReduceSum", each, [0], false), filter);
}

/** The gradient for a 1 x 1 filter without padding, [K, C, 1, 1]. */
function pointwise(g: Graph, x: Value, dy: Value, info: ConvInfo): Value {
  const { batchSize: N, inChannels: C, outChannels: K, outHeight: h, outWidth: w } = info;
  const { end, step } = tapRange(info, 0, 0);
  const maps = toNchw(g, x);
  const seen = slice(g, maps, [0, 0, 0, 0], [N, C, ...end], [1, 1, ...step]);
  if (h * w >= PIXELS_PER_IMAGE) {
    return summedProduct(g, dy, reshape(g, seen, [N, C, h * w]), [K, C, 1, 1]);
  }
  const [a, b] = [swapFirst(g, toNchw(g, dy)), swapFirst(g, seen)].map((v) =>
    reshape(g, v, [v.shape[0] as number, N * h * w]),
  );
  return reshape(g, gemm(g, a as Value, b as Value, false, true), [K, C, 1, 1]);
}

/** Larger filters with a stride: a product per tap, channels last. [K, C, kh, kw] */
function strided(g: Graph, x: Value, dy: Value, info: ConvInfo): Value {
  const { batchSize: N, inChannels: C, outChannels: K, outHeight: h, outWidth: w } = info;
  const { top, left, bottom, right } = info.padInfo;
  const padded = pad(g, transpose(g, toNchw(g, x), [0, 2, 3, 1]), [0, top, left, 0, 0, bottom, right, 0], 0);
  const slopes = reshape(g, transpose(g, toNchw(g, dy), [0, 2, 3, 1]), [N * h * w, K]);
  const parts = taps(info, (i, j) => {
    const { begin, end, step } = tapRange(info, i, j);
    const seen = slice(g, padded, [0, ...begin, 0], [N, ...end, C], [1, ...step, 1]);
    return gemm(g, slopes, reshape(g, seen, [N * h * w, C]), true, false);
  });
  return besideEachOther(g, parts, filterShape(info));
}

/**
 * Filters with a stride s over few channels (a network's stem): the map is cut into the stride's phases once, and those at each column where
 * a tap may begin; then one gather, on all threads, has what each tap sees, and there is a product per image. [K, C, kh, kw]
 */
function phased(g: Graph, x: Value, dy: Value, info: ConvInfo): Value {
  const { batchSize: N, inChannels: C, outChannels: K, outHeight: h, outWidth: w, strideHeight: s } = info;
  const { filterHeight: kh, filterWidth: kw } = info;
  const { top, left, bottom, right } = info.padInfo;
  const [H, W] = [info.inHeight + top + bottom, info.inWidth + left + right].map((d) => Math.ceil(d / s) * s) as [
    number,
    number,
  ];
  const pads = [0, 0, top, left, 0, 0, H - info.inHeight - top, W - info.inWidth - left];
  const planes = s * s * C;
  const lines = H / s;
  const apart = g.add("SpaceToDepth", [pad(g, toNchw(g, x), pads, 0)], { blocksize: s }, [N, planes, lines, W / s]);
  const starts = Array.from({ length: Math.ceil(kw / s) }, (_, v) =>
    slice(g, apart, [0, 0, 0, v], [N, planes, lines, v + w]),
  );
  const rows = reshape(g, concat(g, starts, 1), [N, starts.length * planes * lines, w]);
  const places = Array.from({ length: C * kh * kw * h }, (_, at) => {
    const [r, j, i] = [at % h, Math.floor(at / h) % kw, Math.floor(at / (h * kw)) % kh];
    const c = Math.floor(at / (h * kw * kh));
    const plane = Math.floor(j / s) * planes + ((i % s) * s + (j % s)) * C + c;
    return plane * lines + Math.floor(i / s) + r;
  });
  const seen = gatherAt(g, rows, places, 1);
  return summedProduct(g, dy, reshape(g, seen, [N, C * kh * kw, h * w]), [K, C, kh, kw]);
}

/** All other filters. [K, C, kh, kw] */
function plain(g: Graph, x: Value, dy: Value, info: ConvInfo): Value {
  const { batchSize: N, inChannels: C, outChannels: K, outHeight: h, outWidth: w } = info;
  const { filterHeight: kh, filterWidth: kw } = info;
  const { top, left } = info.padInfo;
  const joins = C < CHANNELS_PER_TAP || h * w < PIXELS_PER_TAP;
  const { source, around } = beforePad(x, 0);
  const before: Before = [around[0] + top, around[1] + left];
  const keepsSize = sameShape(source.shape.slice(1, 3), [h, w]);
  if (!joins && keepsSize) return movedFilter(g, source, dy, filterShape(info), before);
  const seen = keepsSize ? movedTaps(g, source, filterShape(info), before) : cutTaps(g, x, info);
  const slopes = reshape(g, swapFirst(g, toNchw(g, dy)), [K, N * h * w]);
  if (joins) {
    // A channel's taps lie side by side, so that the product is the filter as it is kept.
    const apart = seen.map((part) => reshape(g, part, [C, 1, N * h * w]));
    const joined = reshape(g, concat(g, apart, 1), [C * kh * kw, N * h * w]);
    return reshape(g, gemm(g, slopes, joined, false, true), [K, C, kh, kw]);
  }
  const parts = seen.map((part) => gemm(g, slopes, reshape(g, part, [C, N * h * w]), false, true));
  return besideEachOther(g, parts, filterShape(info));
}

/** What each tap sees, cut from maps that lie channel by channel. */
function cutTaps(g: Graph, x: Value, info: ConvInfo): Value[] {
  const { batchSize: N, inChannels: C } = info;
  const { top, left, bottom, right } = info.padInfo;
  const padded = pad(g, swapFirst(g, toNchw(g, x)), [0, 0, top, left, 0, 0, bottom, right], 0);
  return taps(info, (i, j) => {
    const { begin, end, step } = tapRange(info, i, j);
    return slice(g, padded, [0, 0, ...begin], [C, N, ...end], [1, 1, ...step]);
  });
}

/** The gradient for the filter, [kh, kw, C, K]. */
function filterGradient(g: Graph, x: Value, dy: Value, info: ConvInfo): Value {
  const { filterHeight: kh, filterWidth: kw, strideHeight: sh, strideWidth: sw, inChannels: C } = info;
  const { top, left, bottom, right } = info.padInfo;
  if (kh * kw === 1 && top + bottom + left + right === 0) return toHwio(g, pointwise(g, x, dy, info));
  if (sh === 1 && sw === 1) return toHwio(g, leaveOpen(g, x, dy, info, plain(g, x, dy, info)));
  if (C < CHANNELS_PER_TAP && sh === sw) return toHwio(g, phased(g, x, dy, info));
  return toHwio(g, leaveOpen(g, x, dy, info, strided(g, x, dy, info)));
}

export const convolutionGradients: LoweringTable = {
  Conv2DBackpropInput: (call) => {
    const { g } = call;
    const [dy, filter] = [operand(call, "dy"), operand(call, "filter")];
    const info = convInfo(call, attr<readonly number[]>(call, "inputShape"), filter.shape);
    if (info.dilationHeight * info.dilationWidth > 1)
      throw unsupported(call.kernel, "dilated filters have no gradient");
    return isPatches(info) ? patchConvInput(g, dy, filter, info) : inputGradient(g, dy, filter, info);
  },
  Conv2DBackpropFilter: (call) => {
    const { g } = call;
    const [x, dy] = [operand(call, "x"), operand(call, "dy")];
    const info = convInfo(call, x.shape, attr<readonly number[]>(call, "filterShape"));
    if (info.dilationHeight * info.dilationWidth > 1)
      throw unsupported(call.kernel, "dilated filters have no gradient");
    return isPatches(info) ? patchConvFilter(g, x, dy, info) : filterGradient(g, x, dy, info);
  },
};
