/** Optimisers and losses of `@vitrail/train` inside a compiled step: the same steps as eager ones. */
import { expectClose } from "@repo/testing";
import { createModel } from "@vitrail/layers";
import { createRng, useBackend } from "@vitrail/tensor";
import { adamW, binaryCrossEntropy, crossEntropy, lamb, lion, withEma, withTeacher } from "@vitrail/train";
import { beforeAll, describe, expect, test } from "vitest";
import { compileStep } from "./step.ts";
import type { StepPlan } from "./step-function.ts";
import { smallNetworks } from "./testing.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

const small = smallNetworks();
const images = createRng(1).normal(2 * 32 * 24 * 3);
const labels = Int32Array.of(0, 3);
const teacher = createRng(2).normal(2 * 5);

const ce = crossEntropy as StepPlan["loss"];
const bce = ((logits: never, target: never) =>
  binaryCrossEntropy(logits, target, { labelSmoothing: 0.1, targetThreshold: 0.2 })) as StepPlan["loss"];

describe("a compiled step equals the eager one, each from the same state", () => {
  test.each([
    ["LAMB", { optimizer: lamb({ lr: 0.01, weightDecay: 0.1 }), loss: ce }],
    ["Lion with binary cross-entropy", { optimizer: lion({ lr: 0.001, weightDecay: 0.1 }), loss: bce }],
    ["AdamW with an average", { optimizer: withEma(adamW({ lr: 0.01 }), { decay: 0.9 }), loss: ce }],
    [
      "a teacher",
      {
        optimizer: lamb({ lr: 0.01 }),
        loss: withTeacher(crossEntropy, { temperature: 2, taskLossWeight: 0.4 }) as StepPlan["loss"],
        extras: [{ name: "teacher", shape: [2, 5] }],
      },
    ],
  ])("%s", async (_, { optimizer, loss, ...more }) => {
    const model = createModel(small.vit, { seed: 1 });
    const plan: StepPlan = { model, loss, optimizer };
    const compiled = await compileStep(plan, { batch: 2, engine: "ort", ...more });
    const eager = await compileStep(plan, { batch: 2, engine: "tfjs", ...more });
    const settings = "extras" in more ? { extras: { teacher } } : {};
    for (let i = 0; i < 3; i++) {
      await eager.restore(await compiled.save());
      const [a, b] = [await compiled.run(images, labels, settings), await eager.run(images, labels, settings)];
      expect(Math.abs(a.loss - b.loss), `loss ${i}`).toBeLessThan(1e-5);
      const [ours, theirs] = [(await compiled.save()).values, (await eager.save()).values];
      const slots = optimizer.slots.map((slot) => `${slot}:head.weight`);
      for (const key of [...slots, "param:head.weight"]) {
        expectClose(ours[key]?.data as Float32Array, theirs[key]?.data as Float32Array, 1e-5, `${key} ${i}`);
      }
    }
    await compiled.dispose();
    await eager.dispose();
    model.dispose();
  });
});

test("LAMB's norms are a whole filter's, however it lies in the session", async () => {
  const model = createModel(small.basic, { seed: 1 });
  const pictures = createRng(1).normal(2 * 32 * 32 * 3);
  const plan: StepPlan = { model, loss: ce, optimizer: lamb({ lr: 0.01, weightDecay: 0.1 }) };
  const compiled = await compileStep(plan, { batch: 2, input: [32, 32, 3], engine: "ort" });
  const eager = await compileStep(plan, { batch: 2, input: [32, 32, 3], engine: "tfjs" });
  await eager.restore(await compiled.save());
  for (const step of [compiled, eager]) await step.run(pictures, labels);
  const [ours, theirs] = [(await compiled.save()).values, (await eager.save()).values];
  for (const key of ["param:conv1.weight", "param:layer2.0.conv1.weight", "param:fc.weight", "param:bn1.weight"]) {
    expectClose(ours[key]?.data as Float32Array, theirs[key]?.data as Float32Array, 1e-4, key);
  }
  await compiled.dispose();
  await eager.dispose();
  model.dispose();
});

test("an average moves with the update, not with the parts whose gradients are summed", async () => {
  const model = createModel(small.cifar, { seed: 1 });
  const pictures = createRng(1).normal(2 * 32 * 32 * 3);
  const optimizer = withEma(adamW({ lr: 0.01 }), { decay: 0.5 });
  const step = await compileStep(
    { model, loss: ce, optimizer },
    { batch: 2, input: [32, 32, 3], engine: "ort", accumulate: true },
  );
  const read = async () => {
    const { values } = await step.save();
    return ["ema:fc.weight", "ema:bn1.running_mean"].map((key) => values[key]?.data as Float32Array);
  };
  const start = await read();
  await step.run(pictures, labels, { part: { index: 0, count: 2 } });
  expect(await read()).toEqual(start);
  await step.run(pictures, labels, { part: { index: 1, count: 2 } });
  const { values } = await step.save();
  const [weight, mean] = await read();
  expect(weight).toEqual(values["param:fc.weight"]?.data); // the first update takes the model as it is
  expect(mean).toEqual(values["param:bn1.running_mean"]?.data);
  await step.dispose();
  model.dispose();
});
