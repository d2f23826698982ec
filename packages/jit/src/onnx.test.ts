import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expectClose } from "@repo/testing";
import { createModel } from "@vitrail/layers";
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
    expect(await exportOnnx(model, path, { input })).toEqual({ model: path, weights: undefined, report: undefined });
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

  test("replaces a file that is there only once the new one is whole", async () => {
    const path = join(folder, "old.onnx");
    await writeFile(path, "old");
    const model = small();
    const refused = exportOnnx(model, path, { input, precision: "int8", calibration: [new Float32Array(5)] });
    await expect(refused).rejects.toMatchObject({ code: "bad-input" });
    expect(await readFile(path, "utf8")).toBe("old");
    await exportOnnx(model, pathToFileURL(path), { input });
    expect((await readFile(path)).byteLength).toBeGreaterThan(10_000);
    model.dispose();
  });

  test.each([
    [{ opset: 12 }, "opset 12: expected a whole number from 13 to 22"],
    [{ precision: "int4" as never }, "precision int4: expected fp32, fp16, int8"],
  ])("refuses %j before it traces", async (options, message) => {
    const broken = () => {
      throw new Error("traced");
    };
    await expect(exportOnnx(broken, join(folder, "x.onnx"), { input, ...options })).rejects.toThrow(message);
  });

  test("leaves nothing behind where it cannot write", async () => {
    const model = small();
    const path = join(folder, "absent", "vit.onnx");
    await expect(exportOnnx(model, path, { input })).rejects.toMatchObject({ code: "write-failed" });
    expect((await readdir(folder)).filter((name) => name.startsWith("."))).toEqual([]);
    model.dispose();
  });
});
