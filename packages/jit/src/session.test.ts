import { mul, useBackend } from "@vitrail/tensor";
import ort from "onnxruntime-node";
import { beforeAll, expect, test } from "vitest";
import { encodeOnnx } from "./onnx.ts";
import { join } from "./onnx-proto.ts";
import { traced } from "./testing.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

// What session.js relies on. A runtime that hands sequences over, or copies nothing, does it no harm.
test("an output that is no tensor keeps onnxruntime-node from copying the others, which are in their places", async () => {
  const graph = traced((x) => mul(x, 2), [[3]]);
  const session = await ort.InferenceSession.create(join(encodeOnnx(graph, { sequence: "kept" }).model));
  const [first, second] = session.outputNames as [string, string];
  expect(first).toBe("kept");
  const x = new ort.Tensor("float32", Float32Array.of(1, 2, 3), [3]);
  const place = new ort.Tensor("float32", new Float32Array(3), [3]);
  const run = session.run({ [session.inputNames[0] as string]: x }, { [first]: null, [second]: place });
  await expect(run).rejects.toThrow(/^Non tensor type/);
  expect([...(place.data as Float32Array)]).toEqual([2, 4, 6]);
  await session.release();
});
