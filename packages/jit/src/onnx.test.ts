import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expectClose } from "@repo/testing";
import { createModel } from "@vitrail/layers";
import { resnetModels } from "@vitrail/resnet";
import { createRng, tensor4d, useBackend } from "@vitrail/tensor";
import { vitModels } from "@vitrail/vit";
import ort from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exportOnnx } from "./export.ts";

let folder = "";

beforeAll(async () => {
  await useBackend("cpu");
  folder = await mkdtemp(join(tmpdir(), "vitrail-test-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const input = [null, 32, 32, 3] as const;
const small = () => createModel(vitModels.vit_tiny_patch16_224, { config: { imgSize: 32, depth: 1, embedDim: 24 } });
const images = createRng(1).normal(2 * 32 * 32 * 3);

describe("exportOnnx", () => {
  test("writes a model of standard ops that gives the eager logits", async () => {
    const model = small();
    const path = join(folder, "vit.onnx");
    expect(await exportOnnx(model, path, { input })).toEqual({ model: path, weights: undefined });
    expect((await readFile(path)).includes("com.microsoft")).toBe(false);
    const session = await ort.InferenceSession.create(path);
    const { output } = await session.run({ input: new ort.Tensor("float32", images, [2, 32, 32, 3]) });
    const x = tensor4d(images, [2, 32, 32, 3]);
    const y = model.forward(x);
    expectClose(output?.data as Float32Array, y.dataSync(), 1e-4);
    expect(session.inputMetadata[0]).toMatchObject({ name: "input", shape: ["N", 32, 32, 3] });
    for (const t of [x, y]) t.dispose();
    await session.release();
    model.dispose();
  });

  test("puts the weights into a second file where one is too small", async () => {
    const model = small();
    const path = join(folder, "split.onnx");
    const { weights } = await exportOnnx(model, path, { input, inlineLimit: 1000 });
    expect(weights).toBe(`${path}.data`);
    expect((await readFile(path)).byteLength).toBeLessThan(60_000);
    const session = await ort.InferenceSession.create(path);
    const { output } = await session.run({ input: new ort.Tensor("float32", images, [2, 32, 32, 3]) });
    expect(output?.dims).toEqual([2, 1000]);
    await session.release();
    model.dispose();
  });

  test("leaves nothing behind where it cannot write", async () => {
    const model = small();
    const path = join(folder, "absent", "vit.onnx");
    await expect(exportOnnx(model, path, { input })).rejects.toMatchObject({ code: "write-failed" });
    expect((await readdir(folder)).filter((name) => name.startsWith("."))).toEqual([]);
    model.dispose();
  });

  const python = process.env.VITRAIL_PYTHON;
  const why = python ? "" : " (skipped: VITRAIL_PYTHON names no interpreter with onnx and onnxruntime)";
  test.skipIf(!python)(`passes Python's checker and gives the same logits there${why}`, async () => {
    const script = `
import sys, numpy as np, onnx, onnxruntime
path = sys.argv[1]
onnx.checker.check_model(path, full_check=True)
model = onnx.load(path)
assert model.ir_version <= 10 and all(o.domain == "" for o in model.opset_import)
x = np.fromfile(path + ".in", np.float32).reshape(2, 32, 32, 3)
onnxruntime.InferenceSession(path).run(None, {"input": x})[0].tofile(path + ".out")
`;
    const { writeFile } = await import("node:fs/promises");
    for (const [name, model] of [
      ["vit", small()],
      ["resnet", createModel(resnetModels.resnet20_cifar)],
    ] as const) {
      const path = join(folder, `python-${name}.onnx`);
      await exportOnnx(model, path, { input });
      await writeFile(`${path}.in`, images);
      await promisify(execFile)(python as string, ["-c", script, path]);
      const bytes = await readFile(`${path}.out`);
      const x = tensor4d(images, [2, 32, 32, 3]);
      const y = model.forward(x);
      expectClose(new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4), y.dataSync(), 1e-4, name);
      for (const t of [x, y]) t.dispose();
      model.dispose();
    }
  });
});
