import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { resnetModels } from "@vitrail/resnet";
import { describe, expect, test } from "vitest";
import { type ClassifierOptions, createClassifier } from "./index.ts";

const sample = (name: string) => fileURLToPath(new URL(`../../../apps/cli/photos/${name}`, import.meta.url));
const photos = ["chelsea.png", "rocket.jpg", "astronaut.png"].map(sample);
const box = fileURLToPath(new URL("../../weights-cifar10", import.meta.url));
const open = (options: Partial<ClassifierOptions>) =>
  createClassifier({ models: resnetModels, weights: box, threads: 0, ...options });

describe("engines", () => {
  test("give the same answers, and say which one ran", async () => {
    const eager = await open({ engine: "tfjs" });
    const expected = await eager.classify(photos);
    expect(eager.engine).toMatchObject({ name: "tfjs", reason: "asked for" });
    await eager.dispose();
    for (const engine of ["auto", "ort", "ort-web"] as const) {
      const classifier = await open({ engine });
      expect(classifier.engine.name).toBe(engine === "auto" ? "ort" : engine);
      expect(classifier.report).toBeUndefined(); // ONNX Runtime needs no backend
      const answers = await classifier.classify(photos);
      for (const [i, answer] of answers.entries()) {
        for (const [k, { label, probability }] of answer.entries()) {
          expect(label).toBe(expected[i]?.[k]?.label);
          expect(probability).toBeCloseTo(expected[i]?.[k]?.probability ?? 2, 4);
        }
      }
      await classifier.dispose();
    }
  });

  test("give the same answers when many photos share the sessions", async () => {
    const classifier = await open({ engine: "ort" });
    const alone = await Promise.all(photos.map((photo) => classifier.examine(photo)));
    const many = Array.from({ length: 200 }, (_, i) => photos[i % photos.length] as string);
    let at = 0;
    for await (const { photo, predictions, error } of classifier.each(many, { batchSize: 7 })) {
      expect(error).toBeUndefined();
      expect(photo).toBe(many[at]);
      const [best] = predictions ?? [];
      const [expected] = alone[at % photos.length]?.predictions ?? [];
      expect(best?.label).toBe(expected?.label);
      expect(best?.probability).toBeCloseTo(expected?.probability ?? 2, 5);
      at++;
    }
    expect(at).toBe(many.length);
    await classifier.dispose();
  });

  test("a backend by name means engine tfjs", async () => {
    const classifier = await open({ backend: "cpu" });
    expect(classifier.engine.name).toBe("tfjs");
    await classifier.dispose();
  });

  test("int8 with photos to calibrate on, and fp16, answer as fp32 does", async () => {
    for (const precision of ["int8", "fp16"] as const) {
      const classifier = await open({ precision, ...(precision === "int8" ? { calibration: photos } : {}) });
      const answers = await classifier.classify(photos, { top: 1 });
      expect(answers.map(([best]) => best?.label)).toEqual(
        ["cat", "ship", "dog"].map((l, i) => (i === 2 ? expect.any(String) : l)),
      );
      await classifier.dispose();
    }
  });

  test("calls that run when a classifier is disposed of fail, and say so", async () => {
    const classifier = await open({ engine: "ort" });
    const photo = new Uint8Array(readFileSync(sample("rocket.jpg")));
    const running = expect(classifier.classify(photo)).rejects.toMatchObject({ code: "disposed" });
    await classifier.dispose();
    await running;
  });

  test.each<[Partial<ClassifierOptions>, string]>([
    [{ engine: "cuda" as never }, "engine cuda: expected auto, ort, ort-web, tfjs"],
    [{ provider: "tpu" as never }, "provider tpu: expected auto, cpu, cuda, coreml, dml, webgpu"],
    [{ provider: "cuda", backend: "cpu" }, "provider cuda is one of engines ort and ort-web, found engine tfjs"],
    [{ precision: "int4" as never }, "precision int4: expected fp32, fp16, int8"],
    [{ engine: "ort", backend: "cpu" }, "backend cpu is one of engine tfjs, found engine ort"],
    [{ backend: "cpu", precision: "int8" }, "precision int8 needs engine ort or ort-web"],
    [{ precision: "int8" }, "int8: convolutions do most of this model's work and need calibration"],
  ])("%j is refused", async (options, message) => {
    await expect(open(options)).rejects.toThrow(message);
  });
});
