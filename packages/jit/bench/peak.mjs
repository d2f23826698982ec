// One product of 2048³ in ONNX Runtime, both operands fed: what this machine's matrix products reach at most.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sessionOptions } from "@repo/bench";
import { createRng, matMul } from "@vitrail/tensor";
import ort from "onnxruntime-node";
import { exportOnnx } from "../dist/index.js";

export async function peakProduct() {
  const folder = await mkdtemp(join(tmpdir(), "vitrail-peak-"));
  const file = join(folder, "product.onnx");
  const shape = [2048, 2048];
  const inputs = ["a", "b"].map((name) => ({ name, shape }));
  await exportOnnx((a, b) => matMul(a, b), file, { inputs });
  const session = await ort.InferenceSession.create(file, sessionOptions);
  await rm(folder, { recursive: true });
  const matrix = (seed) => new ort.Tensor("float32", createRng(seed).normal(2048 * 2048), shape);
  const feeds = { a: matrix(1), b: matrix(2) };
  return {
    gflop: (2 * 2048 ** 3) / 1e9,
    run: async () => void (await session.run(feeds)),
    release: () => session.release(),
  };
}
