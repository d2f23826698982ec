import { type Block, floats, type WasmBackend } from "./heap.ts";
import { tileModule } from "./tile-module.ts";

/** See tile-module.ts. Strides and addresses in bytes. */
export type Tile = (
  a: number,
  aStep: number,
  aLine: number,
  aImage: number,
  b: number,
  bStep: number,
  bLine: number,
  bImage: number,
  out: number,
  outRow: number,
  cols: number,
  lines: number,
  images: number,
) => void;

const ROWS = 4;
const COLUMNS = 8;
/** The bytes of scratch memory that {@link addProduct} needs, for a tile over the edge of the output. */
export const EDGE = ROWS * COLUMNS;

/** tile-module.ts in plain JavaScript, for engines without SIMD and for operands at the very end of the memory. */
export const plainTile =
  (heap: Float32Array): Tile =>
  (a, aStep, aLine, aImage, b, bStep, bLine, bImage, out, outRow, cols, lines, images) => {
    for (let r = 0; r < ROWS; r++) {
      for (let c = 0; c < COLUMNS; c++) {
        let sum = 0;
        for (let image = 0; image < images; image++) {
          for (let line = 0; line < lines; line++) {
            let left = (a + 4 * r + image * aImage + line * aLine) >> 2;
            let right = (b + 4 * c + image * bImage + line * bLine) >> 2;
            for (let col = 0; col < cols; col++) {
              // Past the end of the memory there is nothing that counts: those rows and columns are left out.
              sum += (heap[left] ?? 0) * (heap[right] ?? 0);
              left += aStep >> 2;
              right += bStep >> 2;
            }
          }
        }
        const at = (out + r * outRow + 4 * c) >> 2;
        heap[at] = (heap[at] as number) + sum;
      }
    }
  };

interface Compiled {
  vitrailTile?: Tile | null;
}

/** The compiled loop on this backend's memory, made once; null where there is no SIMD. */
export function tileOf(backend: WasmBackend): Tile | null {
  const cache = backend as WasmBackend & Compiled;
  if (cache.vitrailTile !== undefined) return cache.vitrailTile;
  const { asm = {}, wasmMemory } = backend.wasm;
  const memory = wasmMemory ?? Object.values(asm).find((value) => value instanceof WebAssembly.Memory);
  cache.vitrailTile = null;
  if (memory instanceof WebAssembly.Memory) {
    const shared = typeof SharedArrayBuffer !== "undefined" && memory.buffer instanceof SharedArrayBuffer;
    const bytes = tileModule(shared);
    if (WebAssembly.validate(bytes)) {
      const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { tfjs: { memory } });
      cache.vitrailTile = instance.exports.tile as Tile;
    }
  }
  return cache.vitrailTile;
}

/** An operand: its address, and by how many bytes each index moves on. */
export interface Operand {
  readonly at: number;
  /** Along the sum. */
  readonly step: number;
  readonly line: number;
  readonly image: number;
}

/** How far a sum runs: `cols` steps of `lines` lines of `images` pictures. */
export interface Extent {
  readonly cols: number;
  readonly lines: number;
  readonly images: number;
}

/** The same sum as one run, where the lines of both operands, and then the pictures, follow one another without a gap. */
function merged(left: Operand, right: Operand, { cols, lines, images }: Extent): Extent {
  const dense = (of: (operand: Operand) => number, count: number) =>
    of(left) === count * left.step && of(right) === count * right.step;
  if (lines > 1 && !dense(({ line }) => line, cols)) return { cols, lines, images };
  const whole = cols * lines;
  return images > 1 && !dense(({ image }) => image, whole)
    ? { cols: whole, lines: 1, images }
    : { cols: whole * images, lines: 1, images: 1 };
}

/**
 * out[r][c] += Σ left[r] right[c] for `m` rows and `n` columns, which lie side by side in their operands; `out.row` is
 * how many bytes the output's rows are apart.
 * @param edge a block of {@link EDGE} floats
 */
export function addProduct(
  backend: WasmBackend,
  left: Operand,
  right: Operand,
  out: { readonly at: number; readonly row: number },
  m: number,
  n: number,
  extent: Extent,
  edge: Block,
): void {
  const heap = floats(backend);
  const { cols, lines, images } = merged(left, right, extent);
  // Tiles over the edge read up to three rows and 28 bytes too far; what they read does not count.
  const reach = (operand: Operand) =>
    operand.at + (images - 1) * operand.image + (lines - 1) * operand.line + (cols - 1) * operand.step;
  const last = Math.max(reach(left) + 4 * (m + ROWS), reach(right) + 4 * (n + COLUMNS)) + 16;
  const tile = (last <= heap.byteLength ? tileOf(backend) : null) ?? plainTile(heap);
  const run = (a: number, b: number, to: number, row: number) =>
    tile(
      ...([a, left.step, left.line, left.image] as const),
      ...([b, right.step, right.line, right.image] as const),
      ...([to, row, cols, lines, images] as const),
    );
  for (let c = 0; c < n; c += COLUMNS) {
    const b = right.at + 4 * c;
    for (let r = 0; r < m; r += ROWS) {
      const a = left.at + 4 * r;
      const target = out.at + r * out.row + 4 * c;
      if (r + ROWS <= m && c + COLUMNS <= n) {
        run(a, b, target, out.row);
        continue;
      }
      const scratch = edge.offset >> 2;
      heap.fill(0, scratch, scratch + EDGE);
      run(a, b, edge.offset, 4 * COLUMNS);
      for (let i = 0; i < Math.min(ROWS, m - r); i++) {
        const to = (target + i * out.row) >> 2;
        for (let j = 0; j < Math.min(COLUMNS, n - c); j++) {
          heap[to + j] = (heap[to + j] as number) + (heap[scratch + i * COLUMNS + j] as number);
        }
      }
    }
  }
}
