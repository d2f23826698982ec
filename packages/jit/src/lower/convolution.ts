/** Convolutions: computed as ONNX has them, channels first; `passes/layout.ts` then moves the transposes away. */
import { reshape, toNchw, toNhwc, toOihw, transpose } from "../build.ts";
import type { Value } from "../ir.ts";
import { convInfo, nchw, type Shape4, windowAttrs } from "./conv-info.ts";
import { type LoweringTable, operand } from "./lowering.ts";
import { isPatches, patchConv } from "./patches.ts";

export const convolutions: LoweringTable = {
  Conv2D: (call) => {
    const { g } = call;
    const [x, filter] = [operand(call, "x"), operand(call, "filter")];
    const info = convInfo(call, x.shape, filter.shape);
    if (isPatches(info)) return patchConv(g, x, filter, info);
    const inputs: Value[] = [toNchw(g, x), toOihw(g, filter)];
    return toNhwc(g, g.add("Conv", inputs, { ...windowAttrs(info), group: 1 }, nchw(info.outShape)));
  },
  DepthwiseConv2dNative: (call) => {
    const { g } = call;
    const [x, filter] = [operand(call, "x"), operand(call, "filter")];
    const info = convInfo(call, x.shape, filter.shape);
    const [kh, kw, channels, multiplier] = filter.shape as Shape4;
    const weight = reshape(g, transpose(g, filter, [2, 3, 0, 1]), [channels * multiplier, 1, kh, kw]);
    const attrs = { ...windowAttrs(info), group: channels };
    return toNhwc(g, g.add("Conv", [toNchw(g, x), weight], attrs, nchw(info.outShape)));
  },
};
