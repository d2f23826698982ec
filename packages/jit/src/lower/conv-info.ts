import { backend_util } from "@vitrail/tensor";
import { attr, type KernelCall, unsupported } from "./lowering.ts";

export type Shape4 = [number, number, number, number];
export type ConvInfo = ReturnType<typeof backend_util.computeConv2DInfo>;

/** tfjs's own reading of strides, padding and rounding. */
export function convInfo(call: KernelCall, input: readonly number[], filter: readonly number[]): ConvInfo {
  const format = attr<string | undefined>(call, "dataFormat") ?? "NHWC";
  if (format !== "NHWC") throw unsupported(call.kernel, `data format ${format}, only NHWC is known`);
  return backend_util.computeConv2DInfo(
    input as Shape4,
    filter as Shape4,
    attr<number>(call, "strides"),
    attr<number | undefined>(call, "dilations") ?? 1,
    attr<"valid">(call, "pad"),
    attr<"floor" | undefined>(call, "dimRoundingMode"),
    call.kernel.startsWith("Depthwise"),
    "channelsLast",
  );
}

/** ONNX's attributes of a window. */
export function windowAttrs(info: ConvInfo): {
  kernel_shape: number[];
  strides: number[];
  dilations: number[];
  pads: number[];
} {
  const { top, left, bottom, right } = info.padInfo;
  return {
    kernel_shape: [info.filterHeight, info.filterWidth],
    strides: [info.strideHeight, info.strideWidth],
    dilations: [info.dilationHeight, info.dilationWidth],
    pads: [top, left, bottom, right],
  };
}

/** A shape [B, H, W, C] as [B, C, H, W]. */
export const nchw = ([n, h, w, c]: readonly number[]): number[] => [n, c, h, w] as number[];
