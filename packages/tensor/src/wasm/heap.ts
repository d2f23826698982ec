import type { DataId, DataType, KernelBackend, TensorInfo } from "@tensorflow/tfjs-core";

/** The parts of tfjs 4.22's wasm backend that our kernels use. */
export interface WasmBackend extends KernelBackend {
  readonly wasm: {
    readonly HEAPU8: Uint8Array;
    _malloc(bytes: number): number;
    _free(offset: number): void;
    cwrap(name: string, result: null, args: readonly ("number" | "array")[]): (...args: unknown[]) => void;
    /** What emscripten exports, the memory among it; under `wasmMemory` where threads share it. */
    readonly asm?: Readonly<Record<string, unknown>>;
    readonly wasmMemory?: unknown;
    readonly tfjs: {
      registerTensor(id: number, size: number, offset: number): void;
      disposeData(id: number): void;
    };
  };
  readonly dataIdMap: { get(dataId: DataId): { readonly id: number; readonly memoryOffset: number } };
  dataIdNextNumber: number;
  makeOutput(shape: number[], dtype: DataType): TensorInfo;
}

/** A stretch of the wasm memory: where it begins, in bytes, and how many floats it has. */
export interface Block {
  readonly offset: number;
  readonly size: number;
}

/** The memory of a tensor that lives on the backend. */
export const blockOf = (backend: WasmBackend, tensor: TensorInfo): Block => ({
  offset: backend.dataIdMap.get(tensor.dataId).memoryOffset,
  size: tensor.shape.reduce((product, side) => product * side, 1),
});

/** `size` floats from the float `at` on, inside another block. */
export const inside = (block: Block, at: number, size: number): Block => ({ offset: block.offset + 4 * at, size });

/** The whole memory as floats. Growing the memory detaches it: take it again after every allocation. */
export const floats = (backend: WasmBackend): Float32Array => new Float32Array(backend.wasm.HEAPU8.buffer);

/** Runs `work` with scratch memory of the given sizes, in floats, and frees it whatever happens. */
export function withScratch<T>(backend: WasmBackend, sizes: readonly number[], work: (blocks: Block[]) => T): T {
  const blocks: Block[] = [];
  try {
    for (const size of sizes) {
      const offset = backend.wasm._malloc(Math.max(4, 4 * size)) >>> 0; // as a signed int it is negative above 2 GB
      if (offset === 0) throw new Error(`wasm: out of memory: no room for ${4 * size} bytes more`);
      blocks.push({ offset, size });
    }
    return work(blocks);
  } finally {
    for (const { offset } of blocks) backend.wasm._free(offset);
  }
}

/** Runs `work` with numbers under which the backend's own kernels find these blocks as tensors, without a copy. */
export function withIds<T>(backend: WasmBackend, blocks: readonly Block[], work: (ids: number[]) => T): T {
  const ids = blocks.map(({ offset, size }) => {
    const id = backend.dataIdNextNumber++;
    backend.wasm.tfjs.registerTensor(id, size, offset);
    return id;
  });
  try {
    return work(ids);
  } finally {
    for (const id of ids) backend.wasm.tfjs.disposeData(id);
  }
}

/**
 * Writes the transpose of the [rows, columns] matrix at `from`, whose rows are `step` floats apart, to `to`, where the
 * rows are `pitch` floats apart. All in floats.
 */
export function transposeInto(
  heap: Float32Array,
  from: number,
  rows: number,
  columns: number,
  to: number,
  pitch: number = rows,
  step: number = columns,
): void {
  const tile = 16; // both sides of a tile stay in the first-level cache
  for (let r0 = 0; r0 < rows; r0 += tile) {
    const r1 = Math.min(r0 + tile, rows);
    for (let c0 = 0; c0 < columns; c0 += tile) {
      const c1 = Math.min(c0 + tile, columns);
      for (let c = c0; c < c1; c++) {
        let target = to + c * pitch + r0;
        let source = from + r0 * step + c;
        for (let r = r0; r < r1; r++) {
          heap[target++] = heap[source] as number;
          source += step;
        }
      }
    }
  }
}

const int32Bytes = (values: readonly number[]): Uint8Array => new Uint8Array(new Int32Array(values).buffer);

/** [m, k] × [k, n] products on the backend's fast path; `b` is packed once for all products that follow with it. */
export type Gemm = (a: number, b: number, out: number, m: number, k: number, n: number) => void;

/** The product of two tensors by their numbers: rank 2, nothing transposed, the one case that tfjs runs on XNNPACK. */
export function gemmOf(backend: WasmBackend): Gemm {
  const types = ["number", "array", "number", "number", "array", "number", "number", "number", "number"] as const;
  const product = backend.wasm.cwrap("BatchMatMul", null, types);
  return (a, b, out, m, k, n) => product(a, int32Bytes([1, m, k]), 3, b, int32Bytes([1, k, n]), 3, 0, 0, out);
}
