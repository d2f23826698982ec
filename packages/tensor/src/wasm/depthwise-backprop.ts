import type { backend_util, KernelConfig, TensorInfo } from "@tensorflow/tfjs-core";
import { type ConvAttrs, convInfoOf } from "./conv-info.ts";
import { blockOf, floats, type WasmBackend } from "./heap.ts";

type ConvInfo = backend_util.Conv2DInfo;

/** Calls `visit` with each pair of an output and an input that a tap joins, as float indices of their channels. */
function eachPair(info: ConvInfo, visit: (dy: number, x: number, tap: number) => void): void {
  const { batchSize, outHeight, outWidth, inHeight, inWidth, inChannels, outChannels, padInfo: pad } = info;
  const { filterHeight, filterWidth, strideHeight, strideWidth, dilationHeight, dilationWidth } = info;
  for (let n = 0; n < batchSize; n++) {
    for (let oy = 0; oy < outHeight; oy++) {
      for (let i = 0; i < filterHeight; i++) {
        const y = oy * strideHeight + i * dilationHeight - pad.top;
        if (y < 0 || y >= inHeight) continue;
        for (let ox = 0; ox < outWidth; ox++) {
          for (let j = 0; j < filterWidth; j++) {
            const x = ox * strideWidth + j * dilationWidth - pad.left;
            if (x < 0 || x >= inWidth) continue;
            const dyAt = ((n * outHeight + oy) * outWidth + ox) * outChannels;
            visit(dyAt, ((n * inHeight + y) * inWidth + x) * inChannels, i * filterWidth + j);
          }
        }
      }
    }
  }
}

/** dFilter[i, j, c, q] = Σ x[.., c] dy[.., c m + q], with m filters a channel. */
function backpropFilter(backend: WasmBackend, x: TensorInfo, dy: TensorInfo, info: ConvInfo): TensorInfo {
  const { inChannels, outChannels, filterHeight, filterWidth } = info;
  const multiplier = outChannels / inChannels;
  const out = backend.makeOutput([filterHeight, filterWidth, inChannels, multiplier], "float32");
  const heap = floats(backend);
  const [xBase, dyBase] = [blockOf(backend, x).offset / 4, blockOf(backend, dy).offset / 4];
  const sums = new Float64Array(filterHeight * filterWidth * outChannels);
  eachPair(info, (dyAt, xAt, tap) => {
    const to = tap * outChannels;
    if (multiplier === 1) {
      for (let c = 0; c < inChannels; c++) {
        sums[to + c] =
          (sums[to + c] as number) + (heap[xBase + xAt + c] as number) * (heap[dyBase + dyAt + c] as number);
      }
      return;
    }
    for (let o = 0; o < outChannels; o++) {
      const value = heap[xBase + xAt + Math.floor(o / multiplier)] as number;
      sums[to + o] = (sums[to + o] as number) + value * (heap[dyBase + dyAt + o] as number);
    }
  });
  heap.set(sums, blockOf(backend, out).offset / 4);
  return out;
}

/** dx[.., c] = Σ dy[.., c m + q] filter[i, j, c, q]. */
function backpropInput(backend: WasmBackend, dy: TensorInfo, filter: TensorInfo, info: ConvInfo): TensorInfo {
  const { batchSize, inHeight, inWidth, inChannels, outChannels } = info;
  const multiplier = outChannels / inChannels;
  const out = backend.makeOutput([batchSize, inHeight, inWidth, inChannels], "float32");
  const heap = floats(backend);
  const { offset, size } = blockOf(backend, out);
  const base = offset / 4;
  const [dyBase, filterBase] = [blockOf(backend, dy).offset / 4, blockOf(backend, filter).offset / 4];
  heap.fill(0, base, base + size);
  eachPair(info, (dyAt, xAt, tap) => {
    const from = filterBase + tap * outChannels;
    for (let c = 0; c < inChannels; c++) {
      let sum = heap[base + xAt + c] as number;
      for (let q = 0; q < multiplier; q++) {
        const o = c * multiplier + q;
        sum += (heap[dyBase + dyAt + o] as number) * (heap[from + o] as number);
      }
      heap[base + xAt + c] = sum;
    }
  });
  return out;
}

/** DepthwiseConv2dNativeBackpropFilter, which tfjs's wasm backend lacks. */
export const depthwiseBackpropFilterConfig = (): KernelConfig => ({
  kernelName: "DepthwiseConv2dNativeBackpropFilter",
  backendName: "wasm",
  kernelFunc: ({ inputs, backend, attrs }) => {
    const { x, dy } = inputs as { x: TensorInfo; dy: TensorInfo };
    const { filterShape, ...rest } = attrs as unknown as ConvAttrs & { filterShape: number[] };
    const info = convInfoOf("DepthwiseConv2dNativeBackpropFilter", x.shape, filterShape, rest, true);
    return backpropFilter(backend as WasmBackend, x, dy, info);
  },
});

/** DepthwiseConv2dNativeBackpropInput, which tfjs's wasm backend lacks. */
export const depthwiseBackpropInputConfig = (): KernelConfig => ({
  kernelName: "DepthwiseConv2dNativeBackpropInput",
  backendName: "wasm",
  kernelFunc: ({ inputs, backend, attrs }) => {
    const { dy, filter } = inputs as { dy: TensorInfo; filter: TensorInfo };
    const { inputShape, ...rest } = attrs as unknown as ConvAttrs & { inputShape: number[] };
    const info = convInfoOf("DepthwiseConv2dNativeBackpropInput", inputShape, filter.shape, rest, true);
    return backpropInput(backend as WasmBackend, dy, filter, info);
  },
});
