import { expectClose, filledCheckpoint, fillImage, goldens, goldenTensor, onBackends } from "@repo/testing";
import { loadModel } from "@vitrail/layers";
import { tensor4d, tidy } from "@vitrail/tensor";
import { expect, test } from "vitest";
import { resnet18, resnet34, resnet50, resnet101, resnet152 } from "./index.ts";

const tests = () => {
  for (const spec of [resnet18, resnet34, resnet50, resnet101, resnet152]) {
    test(`${spec.name} at full size: logits are within 1e-4 of torchvision's in float64`, () => {
      const golden = goldens(new URL(`./__goldens__/full-${spec.name.slice(6)}.safetensors`, import.meta.url));
      const model = loadModel(spec, filledCheckpoint(spec, Math.SQRT2, golden.tensors));
      const logits = tidy(() => {
        const shape: [number, number, number, number] = [1, 224, 224, 3];
        return model.forward(tensor4d(fillImage("full", shape), shape)).dataSync() as Float32Array;
      });
      expect(logits.length).toBe(1000);
      expectClose(logits, goldenTensor(golden, "logits").float32(), 1e-4, spec.name);
      model.dispose();
    });
  }
};
onBackends(["wasm", "tfjs-node"], tests, ":");
