import { fileURLToPath } from "node:url";
import { shared } from "@repo/testing";
import { resnetModels } from "@vitrail/resnet";
import { describe, expect, test } from "vitest";
import { type ClassifierOptions, createClassifier } from "./index.ts";
import { cifar10 } from "./testing/cifar10.ts";

const box = fileURLToPath(new URL("../../weights-cifar10", import.meta.url));
const train = shared("data/cifar10-jpeg/train-000000.tar");
const held = shared("data/cifar10-jpeg/test-000000.tar");

describe.skipIf(!train || !held)("the model in the box in eight bits (skipped without ../shared/data)", () => {
  test("names the same class as in fp32 for at least 98 % of 1,000 test images, on the native and on the wasm engine", async () => {
    const photos = cifar10(held as string, 1000);
    const answers = async (options: Partial<ClassifierOptions>) => {
      const classifier = await createClassifier({ models: resnetModels, weights: box, ...options });
      const found = await classifier.classify(photos, { top: 1, batchSize: 100 });
      await classifier.dispose();
      return found.map(([best]) => best?.index);
    };
    const fp32 = await answers({ engine: "ort" });
    expect(fp32).toHaveLength(1000);
    const calibration = cifar10(train as string, 128);
    for (const engine of ["ort", "ort-web"] as const) {
      const int8 = await answers({ engine, precision: "int8", calibration });
      const same = int8.filter((index, i) => index === fp32[i]).length;
      expect([engine, same >= 980, same]).toEqual([engine, true, same]);
    }
  }, 600_000);
});
