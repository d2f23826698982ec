import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expectClose } from "@repo/testing";
import { compile, type ExportOptions, exportOnnx } from "@vitrail/jit";
import { createModel, type ImageModel } from "@vitrail/layers";
import { resnetModels } from "@vitrail/resnet";
import { createRng, useBackend } from "@vitrail/tensor";
import { vitModels } from "@vitrail/vit";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { findPython, onnxPy, record } from "./python.ts";

const python = findPython("onnx, onnxruntime, numpy");
const DIMS = [3, 32, 32, 3];
const values = createRng(1).normal(DIMS.reduce((a, b) => a * b));
const input = [null, ...DIMS.slice(1)];

let folder = "";
beforeAll(async () => {
  await useBackend("cpu");
  folder = mkdtempSync(join(tmpdir(), "vitrail-onnx-"));
  writeFileSync(join(folder, "values"), values);
});
const passed: string[] = [];
afterEach(({ task }) => {
  if (task.result?.state !== "fail") passed.push(task.name);
});
afterAll(async () => {
  if (python) record("onnx", await onnxPy(python, "version"), passed);
  rmSync(folder, { recursive: true });
});

const vit = () => createModel(vitModels.vit_tiny_patch16_224, { config: { imgSize: 32, depth: 2, embedDim: 24 } });
const resnet = () => createModel(resnetModels.resnet20_cifar);

interface Found {
  readonly ir: number;
  readonly opset: Readonly<Record<string, number>>;
  readonly input: readonly (number | string)[];
  readonly output: readonly number[];
  readonly rows_apart: number;
}

/** Exports a model, lets Python check and run it, and gives what it found and the logits. */
async function through(model: ImageModel, options: ExportOptions): Promise<{ found: Found; logits: Float32Array }> {
  const path = join(folder, "ü 猫 b#1%20.onnx");
  await exportOnnx(model, path, { input, ...options });
  const args = ["run", path, join(folder, "values"), ...DIMS.map(String)];
  const found = (await onnxPy(python as string, ...args)) as Found;
  const bytes = readFileSync(join(folder, "values.out"));
  return { found, logits: new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4) };
}

describe.skipIf(!python)("Python's onnx and onnxruntime (skipped without Python's onnx and onnxruntime)", () => {
  test.each(
    Object.entries({ vit, resnet }).flatMap(([name, make]) => [13, 17, 20, 22].map((opset) => ({ name, make, opset }))),
  )(
    "check and run $name in opset $opset: our logits, standard ops, a row of a batch is the single run",
    async ({ make, opset }) => {
      const model = make();
      const compiled = await compile(model, { input });
      const expected = await compiled.run(values);
      const { found, logits } = await through(model, { opset });
      expect(found.ir).toBeLessThanOrEqual(10);
      expect(found.opset).toEqual({ "": opset });
      expect(found.input).toEqual(["N", 32, 32, 3]);
      expect(found.output).toEqual([3, model.numClasses]);
      expectClose(logits, expected, 1e-4);
      expect(found.rows_apart).toBeLessThan(1e-5);
      await compiled.dispose();
      model.dispose();
    },
  );

  test("read weights from the second file", async () => {
    const model = vit();
    const compiled = await compile(model, { input });
    const { logits } = await through(model, { inlineLimit: 1000 });
    expectClose(logits, await compiled.run(values), 1e-4);
    await compiled.dispose();
    model.dispose();
  });

  const calibration = [createRng(2).normal(values.length), createRng(3).normal(values.length)];
  const small: Record<string, ExportOptions> = {
    "half precision": { precision: "fp16" },
    "calibrated int8": { precision: "int8", calibration, agreement: 0 },
    "calibrated int8 in opset 13": { precision: "int8", calibration, agreement: 0, opset: 13 },
  };
  test.each(
    Object.entries(small).flatMap(([what, options]) =>
      Object.entries({ vit, resnet }).map(([name, make]) => ({ name, what, make, options })),
    ),
  )("check and run $name in $what: standard ops, a row of a batch is the single run", async ({ make, options }) => {
    const model = make();
    const compiled = await compile(model, { input });
    const { found, logits } = await through(model, options);
    expect(Object.keys(found.opset)).toEqual([""]);
    expectClose(logits, await compiled.run(values), options.precision === "fp16" ? 0.01 : 0.2);
    expect(found.rows_apart).toBeLessThan(1e-5);
    await compiled.dispose();
    model.dispose();
  });

  test("check and run products rounded by each batch's range", async () => {
    const model = vit();
    const compiled = await compile(model, { input });
    const { found, logits } = await through(model, { precision: "int8" });
    expect(found.opset).toEqual({ "": 20 });
    expectClose(logits, await compiled.run(values), 0.2);
    await compiled.dispose();
    model.dispose();
  });
});
