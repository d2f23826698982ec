/** How many channels a block of ONNX Runtime's own layout has on this processor (passes/blocked.ts). */
import { Graph } from "../ir.ts";
import { encodeOnnx } from "../onnx.ts";
import { join } from "../onnx-proto.ts";
import { BLOCKED_DOMAIN } from "../passes/blocked-forms.ts";
import type { Client } from "./client.ts";
import type { HostTensors, RuntimeChoice } from "./protocol.ts";

/** What a processor may have: 16 with AVX-512 and on ARM, 8 with AVX2. */
const sizes = [4, 8, 16, 32];
const CHANNELS = 32;
const PIXELS = 2;

let known: Promise<number> | undefined;

/** Found once a process, by where numbers lie after a reorder, never by time. 1: no blocks, or a runtime without the ops. */
export async function blockSize(client: Client, choice: RuntimeChoice): Promise<number> {
  try {
    known ??= probe(client, choice);
    return await known;
  } catch {
    known = undefined;
    return 1;
  }
}

async function probe(client: Client, choice: RuntimeChoice): Promise<number> {
  const { graph, dims, data } = probeOf();
  const model = join(encodeOnnx(graph).model);
  const feeds: HostTensors = { x: { type: "float32", dims, data } };
  const found = await client.request<HostTensors>({ kind: "once", ...choice, model, feeds });
  return blockSizeOf(found.y?.data as Float32Array);
}

/** A graph that reorders its input `x`, which holds numbers that tell channels and pixels, to `y`. */
export function probeOf(): { graph: Graph; dims: readonly number[]; data: Float32Array } {
  const graph = new Graph();
  const dims = [1, CHANNELS, 1, PIXELS];
  const x = graph.input("x", dims);
  graph.outputs = [{ name: "y", value: graph.add("ReorderInput", [x], {}, dims, "float32", BLOCKED_DOMAIN) }];
  return { graph, dims, data: Float32Array.from({ length: CHANNELS * PIXELS }, (_, i) => i) };
}

/** The block size after which channel c of pixel p, which held c PIXELS + p, lies where it does; 1 where none fits. */
export function blockSizeOf(values: ArrayLike<number>): number {
  const fits = (size: number) =>
    Array.from(values).every((value, i) => {
      const [block, rest] = [Math.floor(i / (size * PIXELS)), i % (size * PIXELS)];
      const [pixel, channel] = [Math.floor(rest / size), block * size + (rest % size)];
      return value === channel * PIXELS + pixel;
    });
  return (values.length === CHANNELS * PIXELS && sizes.find(fits)) || 1;
}
