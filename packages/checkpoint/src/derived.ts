import { bitsOf, type DType } from "./dtype.ts";
import { CheckpointError, quote } from "./errors.ts";
import type { Layout } from "./names/types.ts";
import type { Storage } from "./storage.ts";
import { memoryStorage } from "./storage.ts";
import { type CheckpointTensor, rowMajor, toFloat32, viewTensor } from "./tensor.ts";

/** Another layout of a tensor, see {@link Layout}. Nothing is read before the values are asked for, and nothing is kept. */
export function relayout(tensor: CheckpointTensor, layout: Layout, name: string, file?: string): CheckpointTensor {
  if (layout === "same") return tensor;
  const { shape } = tensor;
  const ranks: Readonly<Record<Exclude<Layout, "same" | "flat">, number>> = {
    hwio: 4,
    io: 2,
    "heads-in": 3,
    "heads-out": 3,
  };
  if (layout !== "flat" && shape.length !== ranks[layout]) {
    throw new CheckpointError(
      "bad-tensor",
      `tensor ${quote(name)} has the shape [${shape}], expected ${ranks[layout]} axes`,
      file,
    );
  }
  const [a = 1, b = 1, c = 1] = shape;
  switch (layout) {
    case "flat":
      return derived(tensor.dtype, [shape.reduce((x, y) => x * y, 1)], () => tensor.bytes());
    case "heads-in":
      return permuted(tensor, [a, b * c], [1, 0]);
    case "heads-out":
      return permuted(tensor, [a * b, c], [1, 0]);
    case "io":
      return permuted(tensor, shape, [1, 0]);
    default:
      return permuted(tensor, shape, [3, 2, 0, 1]);
  }
}

/** The same values under another shape, then with its axes in another order. */
function permuted(tensor: CheckpointTensor, shape: readonly number[], order: readonly number[]): CheckpointTensor {
  const dense = rowMajor(shape);
  const pick = (list: readonly number[]): number[] => order.map((axis) => list[axis] as number);
  const view = { dtype: tensor.dtype, shape: pick(shape), strides: pick(dense) };
  return derived(tensor.dtype, view.shape, () =>
    viewTensor({ ...view, storage: memoryStorage(tensor.bytes()) }).bytes(),
  );
}

/** Tensors one after the other along the first axis. Those of different types come as fp32. */
export function stack(tensors: readonly CheckpointTensor[], names: readonly string[], file?: string): CheckpointTensor {
  const [first] = tensors as readonly [CheckpointTensor];
  const inner = first.shape.slice(1);
  for (const [i, { shape }] of tensors.entries()) {
    if (shape.length === first.shape.length && inner.every((d, axis) => d === shape[axis + 1])) continue;
    throw new CheckpointError(
      "bad-tensor",
      `tensor ${quote(names[i] as string)} has the shape [${shape}], which does not go with ${quote(names[0] as string)} of [${first.shape}]`,
      file,
    );
  }
  const dtype: DType = tensors.every((t) => t.dtype === first.dtype) ? first.dtype : "F32";
  const shape = [tensors.reduce((sum, t) => sum + (t.shape[0] as number), 0), ...inner];
  return derived(dtype, shape, () => {
    const out = new Uint8Array((shape.reduce((x, y) => x * y, 1) * bitsOf(dtype)) / 8);
    let at = 0;
    for (const tensor of tensors) {
      const part = tensor.dtype === dtype ? tensor.bytes() : bytesOf(tensor.float32()); // one at a time is in memory
      out.set(part, at);
      at += part.byteLength;
    }
    return out;
  });
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** A dense tensor whose bytes are made when they are asked for. */
function derived(dtype: DType, shape: readonly number[], make: () => Uint8Array): CheckpointTensor {
  const storage: Storage = {
    byteLength: (shape.reduce((x, y) => x * y, 1) * bitsOf(dtype)) / 8,
    bytes: (begin, end) => make().subarray(begin, end),
  };
  return {
    dtype,
    shape,
    strides: rowMajor(shape),
    offset: 0,
    storage,
    bytes: make,
    float32: () => toFloat32(dtype, make()),
  };
}
