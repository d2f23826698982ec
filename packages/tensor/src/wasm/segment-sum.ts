import type { KernelConfig, TensorInfo } from "@tensorflow/tfjs-core";
import { blockOf, floats, type WasmBackend } from "./heap.ts";

/** UnsortedSegmentSum, which tfjs's wasm backend lacks: the gradient of `gather`. Rows with an id < 0 are left out. */
export const unsortedSegmentSumConfig = (): KernelConfig => ({
  kernelName: "UnsortedSegmentSum",
  backendName: "wasm",
  kernelFunc: ({ inputs, backend: kernelBackend, attrs }) => {
    const backend = kernelBackend as WasmBackend;
    const { x, segmentIds } = inputs as { x: TensorInfo; segmentIds: TensorInfo };
    const { numSegments } = attrs as unknown as { numSegments: number };
    if (x.dtype !== "float32") throw new Error(`wasm UnsortedSegmentSum: expected float32, found ${x.dtype}`);
    const idShape = segmentIds.shape;
    const rowShape = x.shape.slice(idShape.length);
    const out = backend.makeOutput([numSegments, ...rowShape], "float32");
    const heap = floats(backend);
    const ids = blockOf(backend, segmentIds);
    const idValues = new Int32Array(heap.buffer, ids.offset, ids.size);
    const [from, to] = [blockOf(backend, x), blockOf(backend, out)];
    heap.fill(0, to.offset / 4, to.offset / 4 + to.size);
    const width = ids.size === 0 ? 0 : from.size / ids.size;
    for (let row = 0; row < ids.size; row++) {
      const segment = idValues[row] as number;
      if (segment < 0 || segment >= numSegments) continue;
      const source = from.offset / 4 + row * width;
      const target = to.offset / 4 + segment * width;
      for (let i = 0; i < width; i++) heap[target + i] = (heap[target + i] as number) + (heap[source + i] as number);
    }
    return out;
  },
});
