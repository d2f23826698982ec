import { broadcast_util, type KernelConfig, type KernelFunc, type TensorInfo, util } from "@tensorflow/tfjs-core";
import { blockOf, floats, gemmOf, inside, transposeInto, type WasmBackend, withIds, withScratch } from "./heap.ts";

interface MatMulInputs {
  readonly a: TensorInfo;
  readonly b: TensorInfo;
}

/** For each product of the batch, which matrix of an operand it takes: shapes broadcast as in numpy. */
function batchIndex(shape: readonly number[], outShape: readonly number[]): Int32Array {
  const size = outShape.reduce((product, side) => product * side, 1);
  const index = new Int32Array(size);
  const lead = outShape.length - shape.length;
  for (let i = 0; i < size; i++) {
    let rest = i;
    let step = 1;
    for (let axis = outShape.length - 1; axis >= lead; axis--) {
      const side = shape[axis - lead] as number;
      const at = rest % (outShape[axis] as number);
      rest = Math.floor(rest / (outShape[axis] as number));
      if (side > 1) index[i] = (index[i] as number) + at * step;
      step *= side;
    }
  }
  return index;
}

/**
 * tfjs runs only a single product with nothing transposed on its fast path; every other one is some ten times slower,
 * and the gradient of a product is always one of those. So transposed operands are laid out anew and each product of
 * a batch runs alone.
 */
function matMul(backend: WasmBackend, { a, b }: MatMulInputs, transposeA: boolean, transposeB: boolean): TensorInfo {
  const [aRows, aColumns] = a.shape.slice(-2) as [number, number];
  const [bRows, bColumns] = b.shape.slice(-2) as [number, number];
  const [m, k] = transposeA ? [aColumns, aRows] : [aRows, aColumns];
  const [kb, n] = transposeB ? [bColumns, bRows] : [bRows, bColumns];
  if (k !== kb) {
    throw new Error(
      `matMul: expected equal inner sizes, found ${k} and ${kb} of [${a.shape}] and [${b.shape}], transposed: ${transposeA}, ${transposeB}`,
    );
  }
  const aBatch = a.shape.slice(0, -2);
  const bBatch = b.shape.slice(0, -2);
  const batch = broadcast_util.assertAndGetBroadcastShape(aBatch, bBatch);
  const out = backend.makeOutput([...batch, m, n], "float32");
  if (util.sizeFromShape(out.shape) === 0) return out;
  if (k === 0) {
    const { offset, size } = blockOf(backend, out);
    floats(backend).fill(0, offset / 4, offset / 4 + size);
    return out;
  }
  const [blockA, blockB, blockOut] = [blockOf(backend, a), blockOf(backend, b), blockOf(backend, out)];
  const gemm = gemmOf(backend);

  // One right operand for all: the rows of the left ones are one tall matrix, and the right one is packed once.
  if (!transposeA && util.sizeFromShape(bBatch) === 1) {
    const rows = util.sizeFromShape(batch) * m;
    withScratch(backend, transposeB ? [k * n] : [], ([scratch]) => {
      if (scratch) transposeInto(floats(backend), blockB.offset / 4, bRows, bColumns, scratch.offset / 4);
      withIds(backend, [blockA, scratch ?? blockB, blockOut], (ids) => {
        const [idA, idB, idOut] = ids as [number, number, number];
        gemm(idA, idB, idOut, rows, k, n);
      });
    });
    return out;
  }

  const indexA = batchIndex(aBatch, batch);
  const indexB = batchIndex(bBatch, batch);
  withScratch(backend, [transposeA ? m * k : 0, transposeB ? k * n : 0], ([scratchA, scratchB]) => {
    for (let i = 0; i < indexA.length; i++) {
      let left = inside(blockA, (indexA[i] as number) * m * k, m * k);
      let right = inside(blockB, (indexB[i] as number) * k * n, k * n);
      if (transposeA && scratchA) {
        transposeInto(floats(backend), left.offset / 4, aRows, aColumns, scratchA.offset / 4);
        left = scratchA;
      }
      if (transposeB && scratchB) {
        transposeInto(floats(backend), right.offset / 4, bRows, bColumns, scratchB.offset / 4);
        right = scratchB;
      }
      withIds(backend, [left, right, inside(blockOut, i * m * n, m * n)], (ids) => {
        const [idA, idB, idOut] = ids as [number, number, number];
        gemm(idA, idB, idOut, m, k, n);
      });
    }
  });
  return out;
}

/** A faster BatchMatMul for the wasm backend; what the fast path can't take goes to the kernel that it replaces. */
export const batchMatMulConfig = (original: KernelFunc): KernelConfig => ({
  kernelName: "BatchMatMul",
  backendName: "wasm",
  kernelFunc: (args) => {
    const inputs = args.inputs as unknown as MatMulInputs;
    const { transposeA, transposeB } = args.attrs as { transposeA?: boolean; transposeB?: boolean };
    if (inputs.a.dtype !== "float32" || inputs.b.dtype !== "float32") return original(args);
    return matMul(args.backend as WasmBackend, inputs, transposeA === true, transposeB === true);
  },
});
