import { backend_util } from "@tensorflow/tfjs-core";

/** What describes a convolution to tfjs's kernels. */
export interface ConvAttrs {
  readonly strides: [number, number] | number;
  readonly pad: "valid" | "same" | number | [[number, number], [number, number], [number, number], [number, number]];
  readonly dataFormat?: "NHWC" | "NCHW";
  readonly dimRoundingMode?: "floor" | "round" | "ceil";
  readonly dilations?: [number, number] | number;
}

/** Sizes, strides and padding of a convolution, each as a number; NHWC only, as all of the wasm backend. */
export function convInfoOf(
  kernel: string,
  inputShape: readonly number[],
  filterShape: readonly number[],
  attrs: ConvAttrs,
  depthwise = false,
): backend_util.Conv2DInfo {
  const info = backend_util.computeConv2DInfo(
    inputShape as [number, number, number, number],
    filterShape as [number, number, number, number],
    attrs.strides,
    attrs.dilations ?? 1,
    attrs.pad,
    attrs.dimRoundingMode,
    depthwise,
    backend_util.convertConv2DDataFormat(attrs.dataFormat ?? "NHWC"),
  );
  if (info.dataFormat !== "channelsLast") {
    throw new Error(`wasm ${kernel}: expected dataFormat NHWC, found ${attrs.dataFormat}`);
  }
  return info;
}
