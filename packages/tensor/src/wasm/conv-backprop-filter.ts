import type { backend_util, KernelConfig, TensorInfo } from "@tensorflow/tfjs-core";
import { type ConvAttrs, convInfoOf } from "./conv-info.ts";
import {
  type Block,
  blockOf,
  floats,
  gemmOf,
  inside,
  transposeInto,
  type WasmBackend,
  withIds,
  withScratch,
} from "./heap.ts";

type ConvInfo = backend_util.Conv2DInfo;

/** About how many positions one product sums over: its operands then stay in the second-level cache. */
const POSITIONS = 2048;

/** Below this many input channels a product has too few rows to run well: the taps of a filter row go side by side. */
const FEW_CHANNELS = 16;

/** One axis of the filter: tap t of output o meets the input's row s (o + step) + phase. */
interface Tap {
  readonly phase: number;
  readonly step: number;
}

const tapsOf = (count: number, pad: number, stride: number): Tap[] =>
  Array.from({ length: count }, (_, t) => {
    const step = Math.floor((t - pad) / stride);
    return { phase: t - pad - step * stride, step };
  });

/**
 * How positions lie in memory. Every stride-th row and column of the input is one phase, and each phase and dy lie in
 * grids of equal pitch, rows after one another, with zeros between that pad the end of a row and the start of the next.
 * So what a tap meets is the phase as a line of floats, shifted by one number: a view, and no im2col.
 */
interface Grid {
  readonly rowTaps: readonly Tap[];
  readonly columnTaps: readonly Tap[];
  /** The farthest that a tap looks back (0 or more), in rows and columns of the grid. */
  readonly above: number;
  readonly left: number;
  /** Positions from one row to the next, and rows from one picture to the next. */
  readonly pitch: number;
  readonly imageRows: number;
  /** How far apart the first and the last tap are, in positions. */
  readonly reach: number;
}

function gridOf(info: ConvInfo): Grid {
  const rowTaps = tapsOf(info.filterHeight, info.padInfo.top, info.strideHeight);
  const columnTaps = tapsOf(info.filterWidth, info.padInfo.left, info.strideWidth);
  const above = -Math.min(0, ...rowTaps.map((tap) => tap.step));
  const left = -Math.min(0, ...columnTaps.map((tap) => tap.step));
  const below = Math.max(0, ...rowTaps.map((tap) => tap.step));
  const right = Math.max(0, ...columnTaps.map((tap) => tap.step));
  const pitch = Math.max(info.outWidth + right, Math.ceil(info.inWidth / info.strideWidth) + left);
  const imageRows = Math.max(info.outHeight + below, Math.ceil(info.inHeight / info.strideHeight) + above);
  return { rowTaps, columnTaps, above, left, pitch, imageRows, reach: (above + below) * pitch + left + right };
}

/** A run of the grid's rows, over all pictures. */
interface Chunk {
  readonly from: number;
  readonly rows: number;
  /** Floats a line: the rows' positions, and what the taps see beyond them. */
  readonly length: number;
}

function chunksOf(info: ConvInfo, { pitch, imageRows, reach }: Grid): Chunk[] {
  const total = info.batchSize * imageRows;
  const count = Math.ceil((total * pitch) / Math.max(POSITIONS, 16 * reach));
  const rows = Math.ceil(total / count);
  return Array.from({ length: Math.ceil(total / rows) }, (_, i) => {
    const from = i * rows;
    const own = Math.min(rows, total - from);
    return { from, rows: own, length: own * pitch + reach };
  });
}

/** dy's rows of the chunk as [length, channels], zero where the grid has no output. */
function placeOutputs(heap: Float32Array, info: ConvInfo, grid: Grid, chunk: Chunk, dy: Block, to: Block): void {
  const { outHeight, outWidth, outChannels, batchSize } = info;
  const start = to.offset / 4;
  heap.fill(0, start, start + chunk.length * outChannels);
  for (let row = chunk.from; row < chunk.from + chunk.rows; row++) {
    const image = Math.floor(row / grid.imageRows);
    const y = row - image * grid.imageRows;
    if (image >= batchSize || y >= outHeight) continue;
    const source = dy.offset / 4 + (image * outHeight + y) * outWidth * outChannels;
    heap.copyWithin(start + (row - chunk.from) * grid.pitch * outChannels, source, source + outWidth * outChannels);
  }
}

/**
 * One phase of the input as lines, a channel each, `line` floats into `to` and later, moved back by `shift` columns.
 * The lines' memory must be zero before.
 */
function placeInputs(
  heap: Float32Array,
  info: ConvInfo,
  grid: Grid,
  chunk: Chunk,
  x: Block,
  to: number,
  phase: { readonly row: number; readonly column: number; readonly shift: number },
): void {
  const { inHeight, inWidth, inChannels, strideHeight, strideWidth, batchSize } = info;
  const width = Math.ceil((inWidth - phase.column) / strideWidth);
  const last = chunk.from + chunk.rows + Math.floor(grid.reach / grid.pitch) + 1;
  for (let row = Math.max(0, chunk.from - grid.above); row < last; row++) {
    const image = Math.floor(row / grid.imageRows);
    const y = (row - image * grid.imageRows) * strideHeight + phase.row;
    if (image >= batchSize || y >= inHeight) continue;
    const at = (row - chunk.from + grid.above) * grid.pitch + grid.left - phase.shift;
    const skip = Math.max(0, -at);
    const count = Math.min(width, chunk.length - at) - skip;
    if (count <= 0) continue;
    const column = phase.column + skip * strideWidth;
    const source = x.offset / 4 + ((image * inHeight + y) * inWidth + column) * inChannels;
    transposeInto(heap, source, count, inChannels, to + at + skip, chunk.length, strideWidth * inChannels);
  }
}

/** A product for the chunk's lines: which view of them, and where its sum goes in the filter's gradient. */
interface Product {
  readonly shift: number;
  readonly out: number;
}

/** Lines that lie in memory together, and the products that read them. */
interface Group {
  readonly lines: readonly { readonly row: number; readonly column: number; readonly shift: number }[];
  readonly products: readonly Product[];
}

function groupsOf(info: ConvInfo, grid: Grid): Group[] {
  const { filterWidth, inChannels, outChannels } = info;
  const base = grid.above * grid.pitch + grid.left;
  const tapSize = inChannels * outChannels;
  const fold = inChannels < FEW_CHANNELS && filterWidth > 1;
  const groups = new Map<string, { lines: Group["lines"]; products: Product[] }>();
  grid.rowTaps.forEach((rowTap, i) => {
    (fold ? [undefined] : grid.columnTaps).forEach((columnTap, j) => {
      const key = `${rowTap.phase},${columnTap?.phase}`;
      const lines = columnTap
        ? [{ row: rowTap.phase, column: columnTap.phase, shift: 0 }]
        : grid.columnTaps.map(({ phase, step }) => ({ row: rowTap.phase, column: phase, shift: step }));
      const group = groups.get(key) ?? { lines, products: [] };
      groups.set(key, group);
      const shift = base + rowTap.step * grid.pitch + (columnTap?.step ?? 0);
      group.products.push({ shift, out: (i * filterWidth + j) * tapSize });
    });
  });
  return [...groups.values()];
}

/**
 * The gradient of a convolution in its filter: for each tap, [in channels, positions] × [positions, out channels].
 * A value that is not finite spreads to the channel before its own, where exact arithmetic would keep it in its own.
 */
function backpropFilter(backend: WasmBackend, x: TensorInfo, dy: TensorInfo, info: ConvInfo): TensorInfo {
  const { inChannels, outChannels, filterHeight, filterWidth } = info;
  const out = backend.makeOutput([filterHeight, filterWidth, inChannels, outChannels], "float32");
  const [blockX, blockDy, blockOut] = [blockOf(backend, x), blockOf(backend, dy), blockOf(backend, out)];
  if (info.batchSize * info.outHeight * info.outWidth * info.outChannels === 0) {
    floats(backend).fill(0, blockOut.offset / 4, blockOut.offset / 4 + blockOut.size);
    return out;
  }
  const grid = gridOf(info);
  const chunks = chunksOf(info, grid);
  const groups = groupsOf(info, grid);
  const gemm = gemmOf(backend);
  const dense = grid.pitch === info.outWidth && grid.imageRows === info.outHeight && grid.reach === 0;
  const longest = Math.max(...chunks.map((chunk) => chunk.length));
  const lineCount = Math.max(...groups.map((group) => group.lines.length)) * inChannels;
  const sizes = [lineCount * longest + grid.reach, dense ? 0 : longest * outChannels, lineCount * outChannels];
  withScratch(backend, sizes, (scratch) => {
    const [lines, placed, partial] = scratch as [Block, Block, Block];
    const heap = floats(backend); // no allocation below that could detach it but the operators' own: see `refresh`
    let memory = heap;
    const refresh = () => {
      if (memory.length === 0) memory = floats(backend);
      return memory;
    };
    chunks.forEach((chunk, nth) => {
      const { length } = chunk;
      const dyBlock = dense ? inside(blockDy, chunk.from * grid.pitch * outChannels, length * outChannels) : placed;
      if (!dense) placeOutputs(refresh(), info, grid, chunk, blockDy, placed);
      withIds(backend, [dyBlock, partial], (ids) => {
        const [dyId, partialId] = ids as [number, number];
        for (const group of groups) {
          const rows = group.lines.length * inChannels;
          const start = lines.offset / 4;
          refresh().fill(0, start, start + rows * length + grid.reach);
          group.lines.forEach((line, i) => {
            placeInputs(refresh(), info, grid, chunk, blockX, start + i * inChannels * length, line);
          });
          for (const product of group.products) {
            const view = inside(lines, product.shift, rows * length);
            const target = inside(blockOut, product.out, rows * outChannels);
            withIds(backend, nth === 0 ? [view, target] : [view], ([viewId, targetId]) => {
              gemm(viewId as number, dyId, targetId ?? partialId, rows, length, outChannels);
            });
            if (nth > 0) accumulate(refresh(), target, partial);
          }
        }
      });
    });
  });
  return out;
}

function accumulate(heap: Float32Array, to: Block, from: Block): void {
  const [a, b] = [to.offset / 4, from.offset / 4];
  for (let i = 0; i < to.size; i++) heap[a + i] = (heap[a + i] as number) + (heap[b + i] as number);
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
