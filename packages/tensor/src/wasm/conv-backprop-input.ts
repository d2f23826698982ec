import type { backend_util, KernelConfig, TensorInfo } from "@tensorflow/tfjs-core";
import { type ConvAttrs, convInfoOf } from "./conv-info.ts";
import { type Block, blockOf, floats, type WasmBackend, withIds, withScratch } from "./heap.ts";

type ConvInfo = backend_util.Conv2DInfo;

/** One axis of the rows s r + phase of the input: a plain convolution over dy with every stride-th tap, flipped. */
interface Axis {
  /** How many rows the phase has. */
  readonly size: number;
  /** Its taps, in the order in which they meet dy's rows. */
  readonly taps: readonly number[];
  /** Zeros before and after dy; negative: so many of its rows are left out. */
  readonly before: number;
  readonly after: number;
}

function axisOf(phase: number, inSize: number, outSize: number, filter: number, pad: number, stride: number): Axis {
  const size = Math.ceil((inSize - phase) / stride);
  const first = (phase + pad) % stride;
  const taps: number[] = [];
  for (let t = first; t < filter; t += stride) taps.unshift(t);
  // Row r takes dy[r + ahead - t] for its t-th tap.
  const ahead = (phase + pad - first) / stride;
  return { size, taps, before: taps.length - 1 - ahead, after: size - 1 + ahead - (outSize - 1) };
}

/** The taps of one phase as a filter from out channels to in channels, [rows, columns, out, in]. */
function placeFilter(heap: Float32Array, info: ConvInfo, rows: Axis, columns: Axis, filter: Block, to: Block): void {
  const { inChannels, outChannels, filterWidth } = info;
  let target = to.offset / 4;
  for (const i of rows.taps) {
    for (const j of columns.taps) {
      const source = filter.offset / 4 + (i * filterWidth + j) * inChannels * outChannels;
      for (let o = 0; o < outChannels; o++) {
        for (let c = 0; c < inChannels; c++) heap[target++] = heap[source + c * outChannels + o] as number;
      }
    }
  }
}

/** dy without the rows and columns that a phase leaves out. */
function crop(heap: Float32Array, info: ConvInfo, rows: Axis, columns: Axis, dy: Block, to: Block): void {
  const { batchSize, outHeight, outWidth, outChannels } = info;
  const [y0, x0] = [Math.max(0, -rows.before), Math.max(0, -columns.before)];
  const [height, width] = [keptOf(rows, outHeight), keptOf(columns, outWidth)];
  let target = to.offset / 4;
  for (let n = 0; n < batchSize; n++) {
    for (let y = y0; y < y0 + height; y++) {
      const source = dy.offset / 4 + ((n * outHeight + y) * outWidth + x0) * outChannels;
      heap.copyWithin(target, source, source + width * outChannels);
      target += width * outChannels;
    }
  }
}

const keptOf = ({ before, after }: Axis, outSize: number): number => outSize + Math.min(0, before) + Math.min(0, after);

/** Spreads a phase over the input's rows and columns. */
function interleave(
  heap: Float32Array,
  info: ConvInfo,
  at: { readonly row: number; readonly column: number },
  phase: Block,
  out: Block,
): void {
  const { batchSize, inHeight, inWidth, inChannels, strideHeight, strideWidth } = info;
  let source = phase.offset / 4;
  for (let n = 0; n < batchSize; n++) {
    for (let y = at.row; y < inHeight; y += strideHeight) {
      for (let x = at.column; x < inWidth; x += strideWidth) {
        const target = out.offset / 4 + ((n * inHeight + y) * inWidth + x) * inChannels;
        for (let c = 0; c < inChannels; c++) heap[target + c] = heap[source + c] as number;
        source += inChannels;
      }
    }
  }
}

/**
 * The gradient of a convolution in its input, by the fast forward convolution: dy with the filter flipped, once for
 * each phase of the stride. tfjs's own kernel is a plain loop, some ten times slower.
 */
function backpropInput(backend: WasmBackend, dy: TensorInfo, filter: TensorInfo, info: ConvInfo): TensorInfo {
  const { batchSize, inChannels, outChannels, outHeight, outWidth, padInfo: pad } = info;
  const { strideHeight, strideWidth } = info;
  const out = backend.makeOutput([batchSize, info.inHeight, info.inWidth, inChannels], "float32");
  const [blockDy, blockFilter, blockOut] = [blockOf(backend, dy), blockOf(backend, filter), blockOf(backend, out)];
  const whole = strideHeight === 1 && strideWidth === 1;
  const convolve = backend.wasm.cwrap("Conv2D", null, new Array<"number">(19).fill("number"));
  for (let row = 0; row < Math.min(strideHeight, info.inHeight); row++) {
    for (let column = 0; column < Math.min(strideWidth, info.inWidth); column++) {
      const rows = axisOf(row, info.inHeight, outHeight, info.filterHeight, pad.top, strideHeight);
      const columns = axisOf(column, info.inWidth, outWidth, info.filterWidth, pad.left, strideWidth);
      const [height, width] = [keptOf(rows, outHeight), keptOf(columns, outWidth)];
      const taps = rows.taps.length * columns.taps.length;
      const size = batchSize * rows.size * columns.size * inChannels;
      const empty = taps === 0 || height <= 0 || width <= 0;
      const cropped = !empty && (height < outHeight || width < outWidth);
      const sizes = [
        empty ? 0 : taps * inChannels * outChannels,
        cropped ? batchSize * height * width * outChannels : 0,
      ];
      withScratch(backend, [...sizes, whole ? 0 : size], (scratch) => {
        const [kernel, part, apart] = scratch as [Block, Block, Block];
        const phase = whole ? blockOut : apart;
        if (empty) {
          floats(backend).fill(0, phase.offset / 4, phase.offset / 4 + size);
        } else {
          placeFilter(floats(backend), info, rows, columns, blockFilter, kernel);
          if (cropped) crop(floats(backend), info, rows, columns, blockDy, part);
          withIds(backend, [cropped ? part : blockDy, kernel, phase], ([dyId, kernelId, phaseId]) => {
            const [top, right] = [Math.max(0, rows.before), Math.max(0, columns.after)];
            const [bottom, left] = [Math.max(0, rows.after), Math.max(0, columns.before)];
            const taken = [kernelId, rows.taps.length, columns.taps.length, top, right, bottom, left];
            convolve(dyId, batchSize, height, width, ...taken, 0, 1, 1, 1, 1, outChannels, inChannels, phaseId);
          });
        }
        if (!whole) interleave(floats(backend), info, { row, column }, phase, blockOut);
      });
    }
  }
  return out;
}

/** A faster Conv2DBackpropInput for the wasm backend. */
export const conv2DBackpropInputConfig = (): KernelConfig => ({
  kernelName: "Conv2DBackpropInput",
  backendName: "wasm",
  kernelFunc: ({ inputs, backend, attrs }) => {
    const { dy, filter } = inputs as { dy: TensorInfo; filter: TensorInfo };
    const { inputShape, ...rest } = attrs as unknown as ConvAttrs & { inputShape: number[] };
    const info = convInfoOf("Conv2DBackpropInput", inputShape, filter.shape, { ...rest, dilations: 1 });
    return backpropInput(backend as WasmBackend, dy, filter, info);
  },
});
