import type { AxisWeights } from "./filters.ts";
import { instantiate } from "./instantiate.ts";
import { RESAMPLE_WASM } from "./resample-binary.ts";

/** What wasm/resample.wat exports; addresses and lengths in bytes. */
interface Kernels {
  readonly memory: WebAssembly.Memory;
  across(
    src: number,
    stride: number,
    rows: number,
    dst: number,
    width: number,
    start: number,
    count: number,
    weights: number,
    taps: number,
  ): void;
  down(
    src: number,
    bytes: number,
    dst: number,
    height: number,
    start: number,
    count: number,
    weights: number,
    taps: number,
  ): void;
}

/** Above this the JavaScript passes work: WebAssembly's memory never shrinks again. */
const MOST_BYTES = 64 * 2 ** 20;
/** Source rows are copied in strips of about this size, which stay in the processor's cache. */
const STRIP_BYTES = 2 ** 18;

// undefined: not tried; null: this engine has no WebAssembly SIMD, or a page's policy forbids compiling.
let kernels: Kernels | null | undefined;

function load(): Kernels | null {
  if (kernels === undefined) kernels = instantiate<Kernels>(RESAMPLE_WASM);
  return kernels;
}

/** Rows of a picture to resample: `rows` rows of `stride` bytes from `offset`, of which `width` pixels come out. */
export interface Rows {
  readonly data: Uint8Array;
  readonly offset: number;
  readonly stride: number;
  readonly rows: number;
  readonly width: number;
}

/**
 * Both passes of a resize in WebAssembly, the same bytes as those of resize.ts several times faster. An axis that keeps
 * its size is left out.
 *
 * @param across - weights of the pass across; without it rows are `width` pixels already
 * @param down - weights of the pass down, whose inputs count from `firstRow`
 * @returns undefined where the JavaScript passes have to work
 */
export function resampleWasm(
  source: Rows,
  across: AxisWeights | undefined,
  down: AxisWeights | undefined,
  firstRow: number,
): Uint8Array | undefined {
  const { data, offset, stride, rows, width } = source;
  const rowBytes = width * 3;
  const strip = Math.max(1, Math.min(rows, Math.floor(STRIP_BYTES / stride)));
  const height = down ? down.start.length : rows;
  // Memory: the weights, the strip, the rows between the passes, the result; 16 bytes of room after each.
  let top = 0;
  const reserve = (bytes: number): number => {
    const at = top;
    top += (bytes + 31) & ~15;
    return at;
  };
  const tables = [across, down].map((a) =>
    a ? [reserve(a.start.byteLength), reserve(a.count.byteLength), reserve(a.weights.byteLength)] : undefined,
  );
  const stripAt = across ? reserve(strip * stride) : 0;
  const middleAt = reserve(rows * rowBytes);
  const outAt = down ? reserve(height * rowBytes) : middleAt;
  if (top > MOST_BYTES) return undefined;
  const k = load();
  if (!k) return undefined;
  const missing = top - k.memory.buffer.byteLength;
  if (missing > 0) k.memory.grow(Math.ceil(missing / 65536));
  const bytes = new Uint8Array(k.memory.buffer);
  const words = new Int32Array(k.memory.buffer);
  const put = (table: readonly number[], a: AxisWeights, first: number): void => {
    for (let i = 0; i < a.start.length; i++) words[(table[0] as number) / 4 + i] = (a.start[i] as number) - first;
    words.set(a.count, (table[1] as number) / 4);
    words.set(a.weights, (table[2] as number) / 4);
  };

  const [acrossTable, downTable] = tables;
  if (across && acrossTable) {
    put(acrossTable, across, 0);
    const [start, count, weights] = acrossTable as [number, number, number];
    for (let y = 0; y < rows; y += strip) {
      const n = Math.min(strip, rows - y);
      const from = offset + y * stride;
      bytes.set(data.subarray(from, from + n * stride), stripAt);
      k.across(stripAt, stride, n, middleAt + y * rowBytes, width, start, count, weights, across.stride);
    }
  } else bytes.set(data.subarray(offset, offset + rows * rowBytes), middleAt);
  if (down && downTable) {
    put(downTable, down, firstRow);
    const [start, count, weights] = downTable as [number, number, number];
    k.down(middleAt, rowBytes, outAt, height, start, count, weights, down.stride);
  }
  return bytes.slice(outAt, outAt + height * rowBytes);
}
