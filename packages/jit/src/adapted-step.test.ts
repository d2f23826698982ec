/** Training steps of models that were put together or adapted: compiled equal eager, and what is frozen stays. */
import { expectClose, filledCheckpoint, fillImage } from "@repo/testing";
import { addLora, createModel, fusionSpec, type ImageModel, loadModel } from "@vitrail/layers";
import { resnet18, resnetBackbone } from "@vitrail/resnet";
import { tensor4d, tidy, useBackend } from "@vitrail/tensor";
import { crossEntropy, sgd } from "@vitrail/train";
import { vit_tiny_patch16_224 } from "@vitrail/vit";
import { beforeAll, describe, expect, test } from "vitest";
import { compile } from "./compile.ts";
import { compileStep } from "./step.ts";
import type { StepPlan } from "./step-function.ts";

beforeAll(async () => {
  await useBackend("wasm");
});

const sizes = { embedDim: 24, depth: 2, numHeads: 3, mlpRatio: 4, numClasses: 5 };
const vit = { ...vit_tiny_patch16_224, config: { ...sizes, imgSize: 32, patchSize: 8 } };
const whole = {
  ...resnet18,
  weights: {},
  config: { block: "basic", layers: [1, 1, 1, 1], width: 4, numClasses: 5 },
} as const;
const shape = [4, 32, 32, 3] as const;
const labels = Int32Array.from([0, 3, 1, 4]);
const loss = crossEntropy as StepPlan["loss"];

/** Three steps on either engine, from the same state. */
async function bothWays(model: ImageModel, frozen: (name: string) => boolean = () => false, channels = 3) {
  const images = (step: number) => fillImage(`adapted.${step}`, [4, 32, 32, channels]);
  const plan: StepPlan = { model, loss, optimizer: sgd({ lr: 0.05, momentum: 0.9 }), frozen };
  const [compiled, eager] = await Promise.all(
    (["ort", "tfjs"] as const).map((engine) =>
      compileStep(plan, { batch: 4, ...(channels === 3 ? { input: [32, 32, 3] } : {}), engine }),
    ),
  );
  if (!compiled || !eager) throw new Error("no steps");
  const start = await compiled.save();
  for (let i = 0; i < 3; i++) {
    const [a, b] = [await compiled.run(images(i), labels), await eager.run(images(i), labels)];
    expect(Math.abs(a.loss - b.loss), `loss ${i}`).toBeLessThan(1e-5);
    expect(Math.abs(a.gradNorm / b.gradNorm - 1), `gradient ${i}`).toBeLessThan(1e-4);
  }
  const [ours, theirs] = [await compiled.save(), await eager.save()];
  for (const [key, { data }] of Object.entries(theirs.values)) {
    const mine = ours.values[key]?.data as Float32Array;
    expectClose(mine, data, 1e-4, key);
    const name = key.slice("param:".length);
    if (key.startsWith("param:") && frozen(name)) expect(mine, name).toEqual(start.values[key]?.data);
  }
  await compiled.pull();
  await Promise.all([compiled.dispose(), eager.dispose()]);
}

describe("three steps, compiled and eager", () => {
  test("of a model with low-rank updates: they and the classifier learn, and merge into a plain checkpoint", async () => {
    const base = createModel(vit, { seed: 1 });
    const lora = addLora(vit, base, { rank: 2, seed: 2 });
    const before = [...base.params.stateDict()].map(([name, t]) => [name, t.float32()] as const);
    await bothWays(lora.model, lora.frozen);
    const b = lora.model.params.stateDict().get("blocks.1.mlp.fc2.lora_B.weight")?.float32() as Float32Array;
    expect(b.some((value) => value !== 0)).toBe(true);
    for (const [name, value] of before) {
      if (lora.frozen(name)) expect(base.params.stateDict().get(name)?.float32(), name).toEqual(value);
    }
    // Merged, traced and compiled it answers as it does with its updates.
    const merged = loadModel(vit, lora.merge());
    const fast = await compile(lora.model, { input: [4, 32, 32, 3] });
    const x = fillImage("adapted", shape);
    const answers = await fast.run(x);
    const plain = tidy(() => merged.forward(tensor4d(x, [...shape])).dataSync());
    expectClose(answers, plain, 1e-5);
    await fast.dispose();
    for (const model of [base, lora.model, merged]) model.dispose();
  });

  test.each(["logits", "gated"] as const)("of a fusion of %s", async (fusion) => {
    const parts = { vit, resnet: resnetBackbone(whole, 2) };
    const model = createModel(fusionSpec("fused", { parts, fusion, numClasses: 5 }), { seed: 3 });
    await bothWays(model);
    model.dispose();
  });

  test("of a transformer with every kind of dropout: both draw the same", async () => {
    const rates = { dropRate: 0.1, posDropRate: 0.1, projDropRate: 0.1, attnDropRate: 0.1, dropPathRate: 0.2 };
    const model = createModel(vit, { seed: 4, config: rates });
    await bothWays(model);
    model.dispose();
  });

  test("of a transformer that was adapted to one channel and finer patches and pools by average", async () => {
    const options = { config: { patchSize: 4, inChans: 1, globalPool: "avg" }, numClasses: 5 } as const;
    const spec = { ...vit, config: { ...vit.config, numClasses: 7 } };
    const model = loadModel(spec, filledCheckpoint(spec, 1), options);
    await bothWays(model, undefined, 1);
    model.dispose();
  });
});
