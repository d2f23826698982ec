import { backend_util, type KernelConfig, type TensorInfo } from "@tensorflow/tfjs-core";
import { blockOf, floats, type WasmBackend } from "./heap.ts";

interface MaxPoolAttrs {
  readonly filterSize: [number, number] | number;
  readonly strides: [number, number] | number;
  readonly pad: "valid" | "same" | number;
  readonly dimRoundingMode?: "floor" | "round" | "ceil";
}

/**
 * MaxPoolGrad: the slope of a window goes to its greatest value, the first of equals, as in torch and on tfjs's other
 * backends. tfjs's own wasm kernel starts its search from the smallest positive float, so that in a window of values
 * below zero it takes the first one whatever it is: with a border of −∞, that slope was lost.
 */
export const maxPoolGradConfig = (): KernelConfig => ({
  kernelName: "MaxPoolGrad",
  backendName: "wasm",
  kernelFunc: ({ inputs, backend: kernelBackend, attrs }) => {
    const backend = kernelBackend as WasmBackend;
    const { dy, input } = inputs as { dy: TensorInfo; input: TensorInfo };
    const { filterSize, strides, pad, dimRoundingMode } = attrs as unknown as MaxPoolAttrs;
    const shape = input.shape as [number, number, number, number];
    const info = backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
    const out = backend.makeOutput([...shape], "float32");
    const heap = floats(backend);
    const [source, slope, to] = [blockOf(backend, input), blockOf(backend, dy), blockOf(backend, out)];
    const [from, by, target] = [source.offset / 4, slope.offset / 4, to.offset / 4];
    heap.fill(0, target, target + to.size);
    const { batchSize, inHeight, inWidth, outHeight, outWidth, inChannels: channels } = info;
    const best = new Float32Array(channels);
    const where = new Int32Array(channels);
    for (let b = 0, cell = 0; b < batchSize; b++) {
      for (let y = 0; y < outHeight; y++) {
        const top = y * info.strideHeight - info.padInfo.top;
        const [y0, y1] = [Math.max(0, top), Math.min(inHeight, top + info.filterHeight)];
        for (let x = 0; x < outWidth; x++, cell += channels) {
          const left = x * info.strideWidth - info.padInfo.left;
          const [x0, x1] = [Math.max(0, left), Math.min(inWidth, left + info.filterWidth)];
          where.fill(-1);
          for (let row = y0; row < y1; row++) {
            for (let column = x0; column < x1; column++) {
              const at = ((b * inHeight + row) * inWidth + column) * channels;
              for (let c = 0; c < channels; c++) {
                const value = heap[from + at + c] as number;
                if (where[c] === -1 || value > (best[c] as number)) {
                  best[c] = value;
                  where[c] = at + c;
                }
              }
            }
          }
          for (let c = 0; c < channels; c++) {
            const at = target + (where[c] as number);
            if ((where[c] as number) >= 0) heap[at] = (heap[at] as number) + (heap[by + cell + c] as number);
          }
        }
      }
    }
    return out;
  },
});
