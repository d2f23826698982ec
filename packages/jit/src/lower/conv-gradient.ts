/**
 * The gradients of convolutions. Rules of choice are fixed, from measurements on two AVX-512 machines (docs/decisions).
 *
 * Shapes: N images; C input and K output channels; H x W the input's map, h x w the output's; kh x kw the filter.
 */
import {
  concat,
  gemm,
  matMul,
  mul,
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
import { attr, type LoweringTable, operand, unsupported } from "./lowering.ts";
import { isPatches, patchConvFilter, patchConvInput } from "./patches.ts";

/** From this many pixels of the output a 1 x 1 filter's gradient is a product per image, summed; below, one product. */
const PIXELS_PER_IMAGE = 196;
/** Below this many pixels of the output the taps are joined to one product instead of one product each. */
const PIXELS_PER_TAP = 100;
/** Up to this many output channels the slopes of a filter's rows are joined to one product. */
const JOINED_CHANNELS = 64;
/** With fewer input channels than this a product per tap has too few rows. */
const CHANNELS_PER_TAP = 16;
/** Turning the filter around pays up to this many of its values for each output pixel. */
const FLIP_VALUES_PER_PIXEL = 128;

/** [a, b, ...rest] -> [b, a, ...rest]: for maps, one copy of whole planes. */
const swapFirst = (g: Graph, x: Value): Value => transpose(g, x, [1, 0, ...x.shape.slice(2).map((_, i) => i + 2)]);

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

/** Where the window's tap (i, j) reads: begin, end (past the last) and step along both sides of the padded map. */
function tapRange(info: ConvInfo, i: number, j: number): { begin: number[]; end: number[]; step: number[] } {
  const { strideHeight: sh, strideWidth: sw, outHeight: h, outWidth: w } = info;
  return { begin: [i, j], end: [i + (h - 1) * sh + 1, j + (w - 1) * sw + 1], step: [sh, sw] };
}

function taps<T>(info: ConvInfo, f: (i: number, j: number) => T): T[] {
  const { filterHeight: kh, filterWidth: kw } = info;
  return Array.from({ length: kh * kw }, (_, t) => f(Math.floor(t / kw), t % kw));
}

/** The gradient for a 1 x 1 filter without padding, [K, C, 1, 1]. */
function pointwise(g: Graph, x: Value, dy: Value, info: ConvInfo): Value {
  const { batchSize: N, inChannels: C, outChannels: K, outHeight: h, outWidth: w } = info;
  const { end, step } = tapRange(info, 0, 0);
  const maps = toNchw(g, x);
  const seen = slice(g, maps, [0, 0, 0, 0], [N, C, ...end], [1, 1, ...step]);
  if (h * w >= PIXELS_PER_IMAGE) {
    const [a, b] = [reshape(g, toNchw(g, dy), [N, K, h * w]), reshape(g, seen, [N, C, h * w])];
    const each = matMul(g, a, transpose(g, b, [0, 2, 1]));
    return reshape(g, reduce(g, "ReduceSum", each, [0], false), [K, C, 1, 1]);
  }
  const [a, b] = [swapFirst(g, toNchw(g, dy)), swapFirst(g, seen)].map((v) =>
    reshape(g, v, [v.shape[0] as number, N * h * w]),
  );
  return reshape(g, gemm(g, a as Value, b as Value, false, true), [K, C, 1, 1]);
}

/** Each tap's [K, C] as one filter, [K, C, kh, kw]: as filters are kept, since turning one around costs as much as its product. */
function besideEachOther(g: Graph, parts: readonly Value[], info: ConvInfo): Value {
  const { filterHeight: kh, filterWidth: kw, inChannels: C, outChannels: K } = info;
  const columns = parts.map((part) => reshape(g, part, [K, C, 1]));
  return reshape(g, concat(g, columns, 2), [K, C, kh, kw]);
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
  return besideEachOther(g, parts, info);
}

/** Filters with a stride over few channels (a network's stem): the map is cut into the stride's phases once. [K, C, kh, kw] */
function phased(g: Graph, x: Value, dy: Value, info: ConvInfo): Value {
  const { batchSize: N, inChannels: C, outChannels: K, outHeight: h, outWidth: w, strideHeight: s } = info;
  const { filterHeight: kh, filterWidth: kw } = info;
  const { top, left, bottom, right } = info.padInfo;
  const [H, W] = [info.inHeight + top + bottom, info.inWidth + left + right].map((d) => Math.ceil(d / s) * s) as [
    number,
    number,
  ];
  const pads = [0, 0, top, left, 0, 0, H - info.inHeight - top, W - info.inWidth - left];
  // [s s C, N, H / s, W / s]: the op takes a sixth of what one transpose of single values takes.
  const apart = swapFirst(
    g,
    g.add("SpaceToDepth", [pad(g, toNchw(g, x), pads, 0)], { blocksize: s }, [N, s * s * C, H / s, W / s]),
  );
  const phases = Array.from({ length: s * s }, (_, p) =>
    slice(g, apart, [p * C, 0, 0, 0], [(p + 1) * C, N, H / s, W / s]),
  );
  const seen = taps(info, (i, j) => {
    const [u, v] = [Math.floor(i / s), Math.floor(j / s)];
    return slice(g, phases[(i % s) * s + (j % s)] as Value, [0, 0, u, v], [C, N, u + h, v + w]);
  });
  const rows = reshape(g, concat(g, seen, 0), [kh * kw * C, N * h * w]);
  const slopes = reshape(g, swapFirst(g, toNchw(g, dy)), [K, N * h * w]);
  const flat = reshape(g, gemm(g, slopes, rows, false, true), [K, kh, kw, C]);
  return transpose(g, flat, [0, 3, 1, 2]);
}

/** Rows above a map and columns before it, all of zeros. */
type Before = readonly [top: number, left: number];

/** [N, h, w, C] as [C N, h w]: between the axes that were turned, so that they are turned once and not behind each move (passes/layout.ts). */
function planesOf(g: Graph, v: Value): Value {
  const [N, h, w, C] = v.shape as [number, number, number, number];
  return reshape(g, swapFirst(g, toNchw(g, v)), [C * N, h * w]);
}

/**
 * Planes [P, h w], each moved by so many pixels of its one line, zero where nothing comes to lie: runs are long. Where one side of an
 * axis is cut, ONNX Runtime pads row by row of the last one (docs/decisions/0010).
 */
function along(g: Graph, planes: Value, by: number): Value {
  const size = planes.shape[1] as number;
  return Math.abs(by) < size ? pad(g, planes, [0, by, 0, -by], 0) : mul(g, planes, g.scalar(0));
}

/** Planes [P, h w] without the columns that would come to lie in the next row or the one before where lines move by `columns`. */
function unwrapped(g: Graph, planes: Value, w: number, columns: number): Value {
  if (columns === 0) return planes;
  const stays = (q: number) => q + columns >= 0 && q + columns < w;
  const size = planes.shape[1] as number;
  const kept = Float32Array.from({ length: size }, (_, at) => (stays(at % w) ? 1 : 0));
  return mul(g, planes, g.constant(kept, [size], "float32"));
}

/**
 * Filters that leave a map its size: the map moved once for each of the filter's columns, the slope once for each of its rows, instead
 * of a window for each tap. What moves values has one thread, and the others wait to read what it wrote. [K, C, kh, kw]
 *
 *   dW[k, c, i, j] = Σ over n, r, q of dy[n, k, r - i + top, q] x[n, c, r, q + j - left]
 */
function moved(g: Graph, source: Value, dy: Value, info: ConvInfo, [top, left]: Before): Value {
  const { batchSize: N, inChannels: C, outChannels: K, outHeight: h, outWidth: w } = info;
  const { filterHeight: kh, filterWidth: kw } = info;
  const matrix = (v: Value): Value => reshape(g, v, [(v.shape[0] as number) / N, N * h * w]);
  const [maps, slopes] = [planesOf(g, source), planesOf(g, dy)];
  const columns = Array.from({ length: kw }, (_, j) => matrix(along(g, unwrapped(g, maps, w, left - j), left - j)));
  const rows = Array.from({ length: kh }, (_, i) => matrix(along(g, slopes, (i - top) * w)));
  if (K > JOINED_CHANNELS) {
    const parts = taps(info, (i, j) => gemm(g, rows[i] as Value, columns[j] as Value, false, true));
    return besideEachOther(g, parts, info);
  }
  // Few channels: the slopes joined, since a product with few rows reads the map for each of them anew.
  const apart = rows.map((v) => reshape(g, v, [K, 1, N * h * w]));
  const joined = reshape(g, concat(g, apart, 1), [K * kh, N * h * w]);
  const parts = columns.map((v) => reshape(g, gemm(g, joined, v, false, true), [K, kh, C, 1]));
  return transpose(g, concat(g, parts, 3), [0, 2, 1, 3]);
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
  if (!joins && keepsSize) return moved(g, source, dy, info, before);
  const seen = keepsSize ? movedTaps(g, source, info, before) : cutTaps(g, x, info);
  const slopes = reshape(g, swapFirst(g, toNchw(g, dy)), [K, N * h * w]);
  if (joins) {
    // A channel's taps lie side by side, so that the product is the filter as it is kept.
    const apart = seen.map((part) => reshape(g, part, [C, 1, N * h * w]));
    const joined = reshape(g, concat(g, apart, 1), [C * kh * kw, N * h * w]);
    return reshape(g, gemm(g, slopes, joined, false, true), [K, C, kh, kw]);
  }
  const parts = seen.map((part) => gemm(g, slopes, reshape(g, part, [C, N * h * w]), false, true));
  return besideEachOther(g, parts, info);
}

/** What each tap sees of a map that keeps its size: the map, moved. */
function movedTaps(g: Graph, source: Value, info: ConvInfo, [top, left]: Before): Value[] {
  const { outWidth: w, filterWidth: kw } = info;
  const maps = planesOf(g, source);
  const columns = Array.from({ length: kw }, (_, j) => unwrapped(g, maps, w, left - j));
  return taps(info, (i, j) => along(g, columns[j] as Value, (top - i) * w + left - j));
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
