/** Pooling, batch normalisation and resizing: what else works on feature maps. */
import { backend_util } from "@vitrail/tensor";
import { add, mul, reshape, sub, toNchw, toNhwc, unary } from "../build.ts";
import type { Value } from "../ir.ts";
import { beforePad, type Unpadded } from "./before-pad.ts";
import { nchw, windowAttrs } from "./conv-info.ts";
import { attr, type KernelCall, type LoweringTable, operand, unsupported } from "./lowering.ts";

type Pair = number | [number, number];

export function poolInfo(
  call: KernelCall,
  shape: readonly number[],
): ReturnType<typeof backend_util.computePool2DInfo> {
  return backend_util.computePool2DInfo(
    shape as [number, number, number, number],
    attr<Pair>(call, "filterSize") as [number, number],
    attr<Pair>(call, "strides") as [number, number],
    1,
    attr<"valid">(call, "pad"),
    attr<"floor" | undefined>(call, "dimRoundingMode"),
  );
}

/** What was padded with less than any value to make `x`, where a window may do that itself. */
function beforePadding(x: Value, { kernel_shape: kernel, pads: own }: ReturnType<typeof windowAttrs>): Unpadded {
  const found = beforePad(x, Number.NEGATIVE_INFINITY);
  const [height, width] = kernel as [number, number];
  // ONNX Runtime refuses padding of a whole window.
  const fits = found.around.every((p, i) => p < (i % 2 === 0 ? height : width));
  return fits && own.every((p) => p === 0) ? found : { source: x, around: [0, 0, 0, 0] };
}

/**
 * The window's maxima, and where in the NCHW map of `source` they stand: `x` itself, or what was padded to make it. What
 * nobody reads of the two is dropped later.
 */
export function maxPool(call: KernelCall, x: Value): Unpadded & { readonly y: Value; readonly indices: Value } {
  const info = poolInfo(call, x.shape);
  const attrs = windowAttrs(info);
  const { dilations: _, ...window } = attrs;
  const before = beforePadding(x, attrs);
  const pads = window.pads.map((p, i) => p + (before.around[i] as number));
  const shape = nchw(info.outShape);
  const outputs = [
    { shape, dtype: x.dtype },
    { shape, dtype: "int64" as const },
  ];
  const maps = toNchw(call.g, before.source);
  const [y, indices] = call.g.addMany("MaxPool", [maps], { ...window, pads }, outputs) as [Value, Value];
  return { ...before, y, indices };
}

export const pooling: LoweringTable = {
  MaxPool: (call) => toNhwc(call.g, maxPool(call, operand(call, "x")).y),
  AvgPool: (call) => {
    const x = operand(call, "x");
    const info = poolInfo(call, x.shape);
    const { dilations: _, ...window } = windowAttrs(info);
    const attrs = { ...window, count_include_pad: 0 };
    return toNhwc(call.g, call.g.add("AveragePool", [toNchw(call.g, x)], attrs, nchw(info.outShape)));
  },
  FusedBatchNorm: (call) => {
    const { g, inputs } = call;
    const [x, mean, variance] = [operand(call, "x"), operand(call, "mean"), operand(call, "variance")];
    const { scale, offset } = inputs;
    const epsilon = attr<number>(call, "varianceEpsilon");
    if (x.shape.length === 4 && mean.shape.length === 1) {
      const channels = mean.shape;
      const ones = () => g.constant(new Float32Array(channels[0] as number).fill(1), channels, "float32");
      const zeros = () => g.constant(new Float32Array(channels[0] as number), channels, "float32");
      const nchwX = toNchw(g, x);
      const operands = [nchwX, scale ?? ones(), offset ?? zeros(), mean, variance];
      return toNhwc(g, g.add("BatchNormalization", operands, { epsilon }, nchwX.shape));
    }
    const deviation = unary(g, "Sqrt", add(g, variance, g.scalar(epsilon)));
    const normalised = mul(g, sub(g, x, mean), unary(g, "Reciprocal", deviation));
    const scaled = scale ? mul(g, normalised, scale) : normalised;
    return offset ? add(g, scaled, offset) : scaled;
  },
  ResizeBilinear: (call) => resize(call, "linear"),
  ResizeNearestNeighbor: (call) => resize(call, "nearest"),
};

function resize(call: KernelCall, mode: "linear" | "nearest"): Value {
  const { g } = call;
  const x = operand(call, "images");
  const [height, width] = attr<[number, number]>(call, "size");
  const corners = attr<boolean>(call, "alignCorners");
  const half = attr<boolean>(call, "halfPixelCenters");
  if (mode === "nearest" && (corners || half)) throw unsupported(call.kernel, "only the plain form is known");
  const coordinates = corners ? "align_corners" : half ? "half_pixel" : "asymmetric";
  const [batch, , , channels] = x.shape as [number, number, number, number];
  const attrs = {
    mode,
    coordinate_transformation_mode: coordinates,
    sizes: [batch, channels, height, width],
    ...(mode === "nearest" ? { nearest_mode: "floor" } : {}),
  };
  const images = x.shape.length === 4 ? x : reshape(g, x, [1, ...x.shape]);
  return toNhwc(g, g.add("Resize", [toNchw(g, images)], attrs, [batch, channels, height, width]));
}
