import { readFileSync } from "node:fs";
import { expectClose, filledCheckpoint, fillImage, goldens, goldenTensor, onBackends, shared } from "@repo/testing";
import { readCheckpoint } from "@vitrail/checkpoint";
import { loadModel } from "@vitrail/layers";
import { tensor4d, tidy } from "@vitrail/tensor";
import { test } from "vitest";
import { type ViT, vit_base_patch16_224, vit_small_patch16_224, vit_tiny_patch16_224 } from "./index.ts";

const file = (name: string) => goldens(new URL(`./__goldens__/${name}.safetensors`, import.meta.url));

function logitsOf(model: ViT, image: string): Float32Array {
  const shape: [number, number, number, number] = [1, 224, 224, 3];
  return tidy(() => model.forward(tensor4d(fillImage(image, shape), shape)).dataSync() as Float32Array);
}

const real = shared("hub/timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k/model.safetensors");

const tests = () => {
  for (const spec of [vit_tiny_patch16_224, vit_small_patch16_224, vit_base_patch16_224]) {
    test(`${spec.name} at full size: logits are within 1e-4 of timm's in float64`, () => {
      const golden = file(`full-${spec.name}`);
      const model = loadModel(spec, filledCheckpoint(spec, 1));
      expectClose(logitsOf(model, "full"), goldenTensor(golden, "logits").float32(), 1e-4, spec.name);
      model.dispose();
    });
  }

  test.skipIf(!real)("real ViT-Ti weights give timm's logits within 1e-4 (skipped without ../shared/hub)", () => {
    const model = loadModel(vit_tiny_patch16_224, readCheckpoint(new Uint8Array(readFileSync(real as string))).tensors);
    const expected = goldenTensor(file("real-vit_tiny_patch16_224"), "logits").float32();
    expectClose(logitsOf(model, "real"), expected, 1e-4, "real weights");
    model.dispose();
  });
};
onBackends(["wasm", "tfjs-node"], tests, ":");
