import type { backend_util, KernelConfig, TensorInfo } from "@tensorflow/tfjs-core";
import { type ConvAttrs, convInfoOf } from "./conv-info.ts";
import { type Block, blockOf, floats, type WasmBackend, withScratch } from "./heap.ts";
import { addProduct, EDGE } from "./product.ts";

type ConvInfo = backend_util.Conv2DInfo;

/** A run of channels whose pixels lie together: a panel that the cache can hold, however many channels there are. */
interface Group {
  readonly first: number;
  readonly channels: number;
  /** Floats from one pixel to the next. */
  readonly pitch: number;
}

const WIDEST = 128;

/**
 * Pixels a multiple of 128 bytes apart fall on the same few lines of the cache and push one another out: 64 bytes more,
 * and they don't.
 */
const pitchOf = (channels: number): number => (channels % 32 === 0 ? channels + 16 : channels);

const groupsOf = (channels: number): Group[] =>
  Array.from({ length: Math.ceil(channels / WIDEST) }, (_, i) => {
    const own = Math.min(WIDEST, channels - i * WIDEST);
    return { first: i * WIDEST, channels: own, pitch: pitchOf(own) };
  });

/** The rows and columns of a picture that the filter's taps meet, padding included. */
interface Frame {
  readonly height: number;
  readonly width: number;
  readonly groups: readonly Group[];
  /** Whether it is the tensor itself, as it lies in memory. */
  readonly whole: boolean;
}

const isWhole = (groups: readonly Group[], channels: number): boolean => groups[0]?.pitch === channels;

function frameOf(info: ConvInfo): Frame {
  const height = (info.outHeight - 1) * info.strideHeight + info.filterHeight;
  const width = (info.outWidth - 1) * info.strideWidth + info.filterWidth;
  const { top, left } = info.padInfo;
  const groups = groupsOf(info.inChannels);
  const inside = top === 0 && left === 0 && height <= info.inHeight && width <= info.inWidth;
  return inside && isWhole(groups, info.inChannels)
    ? { height: info.inHeight, width: info.inWidth, groups, whole: true }
    : { height, width, groups, whole: false };
}

const widthOf = (groups: readonly Group[]): number => groups.reduce((sum, { pitch }) => sum + pitch, 0);

/**
 * Copies `count` pixels of `channels` floats, tightly packed, into the panels of their groups, which begin at `to` and
 * hold `size` pixels each, from pixel `at` on.
 */
function placePixels(
  heap: Float32Array,
  from: number,
  count: number,
  channels: number,
  groups: readonly Group[],
  to: number,
  size: number,
  at: number,
): void {
  let panel = to;
  for (const { first, channels: own, pitch } of groups) {
    const start = panel + at * pitch;
    if (pitch === channels) {
      heap.copyWithin(start, from, from + count * channels);
    } else {
      for (let i = 0; i < count; i++) {
        const source = from + i * channels + first;
        heap.copyWithin(start + i * pitch, source, source + own);
      }
    }
    panel += size * pitch;
  }
}

/** Copies `images` pictures into their frames, with zeros around. */
function placeInput(
  heap: Float32Array,
  info: ConvInfo,
  frame: Frame,
  x: Block,
  first: number,
  images: number,
  to: Block,
): void {
  const { inHeight, inWidth, inChannels, padInfo } = info;
  const { height, width, groups } = frame;
  const columns = Math.min(inWidth, width - padInfo.left);
  const start = to.offset / 4;
  const size = images * height * width;
  heap.fill(0, start, start + size * widthOf(groups));
  for (let n = 0; n < images; n++) {
    for (let y = 0; y < Math.min(inHeight, height - padInfo.top); y++) {
      const source = x.offset / 4 + ((first + n) * inHeight + y) * inWidth * inChannels;
      const at = (n * height + y + padInfo.top) * width + padInfo.left;
      placePixels(heap, source, columns, inChannels, groups, start, size, at);
    }
  }
}

/** How many terms of a sum to take at a time: the panels of both operands then stay in the second-level cache. */
const POSITIONS = 256;

/**
 * The gradient of a convolution in its filter: for each tap (i, j), a product that sums over all positions,
 * dW[i][j][c][o] = Σ x[s y + i][s x + j][c] dy[y][x][o]. Where the pixels are tightly packed, the taps (j, c) of a
 * filter's row lie side by side and are one product.
 */
function backpropFilter(backend: WasmBackend, x: TensorInfo, dy: TensorInfo, info: ConvInfo): TensorInfo {
  const { batchSize, inChannels, outChannels, outHeight, outWidth, filterHeight, filterWidth } = info;
  const out = backend.makeOutput([filterHeight, filterWidth, inChannels, outChannels], "float32");
  const [blockX, blockDy, blockOut] = [blockOf(backend, x), blockOf(backend, dy), blockOf(backend, out)];
  floats(backend).fill(0, blockOut.offset / 4, blockOut.offset / 4 + blockOut.size);
  if (blockX.size === 0 || blockDy.size === 0) return out;

  const frame = frameOf(info);
  const outGroups = groupsOf(outChannels);
  const dyWhole = isWhole(outGroups, outChannels);
  const area = outHeight * outWidth;
  const lines = Math.max(1, Math.min(outHeight, Math.round(POSITIONS / outWidth)));
  const images = Math.min(batchSize, Math.max(1, Math.round(POSITIONS / area)));
  const joined = isWhole(frame.groups, inChannels);
  const taps = joined ? filterWidth : 1;
  const sizes = [
    frame.whole ? 0 : images * frame.height * frame.width * widthOf(frame.groups),
    dyWhole ? 0 : images * area * widthOf(outGroups),
    EDGE,
  ];
  withScratch(backend, sizes, (scratch) => {
    const [framed, pitched, edge] = scratch as [Block, Block, Block];
    for (let n = 0; n < batchSize; n += images) {
      const count = Math.min(images, batchSize - n);
      let [xBase, dyBase] = [framed.offset, blockDy.offset + 4 * n * area * outChannels];
      if (frame.whole) xBase = blockX.offset + 4 * n * frame.height * frame.width * inChannels;
      else placeInput(floats(backend), info, frame, blockX, n, count, framed);
      if (!dyWhole) {
        placePixels(
          floats(backend),
          dyBase / 4,
          count * area,
          outChannels,
          outGroups,
          pitched.offset / 4,
          count * area,
          0,
        );
        dyBase = pitched.offset;
      }
      for (let y = 0; y < outHeight; y += lines) {
        const extent = { cols: outWidth, lines: Math.min(lines, outHeight - y), images: count };
        let xPanel = xBase;
        for (const from of frame.groups) {
          const pixel = 4 * from.pitch;
          const line = frame.width * pixel;
          let dyPanel = dyBase;
          for (const to of outGroups) {
            const dyPixel = 4 * to.pitch;
            const right = {
              at: dyPanel + y * outWidth * dyPixel,
              step: dyPixel,
              line: outWidth * dyPixel,
              image: area * dyPixel,
            };
            for (let tap = 0; tap < filterHeight * filterWidth; tap += taps) {
              const i = Math.floor(tap / filterWidth);
              const left = {
                at: xPanel + (y * info.strideHeight + i) * line + (tap % filterWidth) * pixel,
                step: info.strideWidth * pixel,
                line: info.strideHeight * line,
                image: frame.height * line,
              };
              const at = blockOut.offset + 4 * ((tap * inChannels + from.first) * outChannels + to.first);
              const target = { at, row: 4 * outChannels };
              addProduct(backend, left, right, target, taps * from.channels, to.channels, extent, edge);
            }
            dyPanel += count * area * dyPixel;
          }
          xPanel += count * frame.height * line;
        }
      }
    }
  });
  return out;
}

/** Conv2DBackpropFilter, which tfjs's wasm backend lacks. */
export const conv2DBackpropFilterConfig = (): KernelConfig => ({
  kernelName: "Conv2DBackpropFilter",
  backendName: "wasm",
  kernelFunc: ({ inputs, backend, attrs }) => {
    const { x, dy } = inputs as { x: TensorInfo; dy: TensorInfo };
    const { filterShape, ...rest } = attrs as unknown as ConvAttrs & { filterShape: number[] };
    const info = convInfoOf("Conv2DBackpropFilter", x.shape, filterShape, { ...rest, dilations: 1 });
    return backpropFilter(backend as WasmBackend, x, dy, info);
  },
});
