import { expectClose, onBackends } from "@repo/testing";
import { compileStep } from "@vitrail/jit";
import { createModel } from "@vitrail/layers";
import { resnet18 } from "@vitrail/resnet";
import { createRng } from "@vitrail/tensor";
import { crossEntropy, sgd } from "@vitrail/train";
import { expect, test } from "vitest";

onBackends(["tfjs-node"], () => {
  test("a step traced while tfjs-node runs computes what tfjs-node computes", async () => {
    const config = { block: "basic", layers: [1, 1, 1, 1], width: 4, numClasses: 5 } as const;
    const model = createModel(resnet18, { seed: 5, config });
    const plan = { model, loss: crossEntropy as never, optimizer: sgd({ lr: 0.1 }) };
    const options = { batch: 4, input: [48, 40, 3] as const };
    const eager = await compileStep(plan, { ...options, engine: "tfjs" });
    const compiled = await compileStep(plan, { ...options, engine: "ort" });
    const images = createRng(1).normal(4 * 48 * 40 * 3);
    const labels = Int32Array.of(0, 1, 2, 3);
    const [ours, theirs] = [await compiled.run(images, labels), await eager.run(images, labels)];
    expect(Math.abs(ours.loss - theirs.loss)).toBeLessThan(1e-5);
    const [found, expected] = [(await compiled.save()).values, (await eager.save()).values];
    for (const [key, value] of Object.entries(expected)) {
      expectClose(found[key]?.data as Float32Array, value.data as Float32Array, 1e-5, key);
    }
    await eager.dispose();
    await compiled.dispose();
    model.dispose();
  });
});
