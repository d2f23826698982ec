import { compile, compileStep, type EngineName, type EngineReport } from "@vitrail/jit";
import { createModel } from "@vitrail/layers";
import { resnet20_cifar } from "@vitrail/resnet";
import { createRng, useBackend } from "@vitrail/tensor";
import { adamW, crossEntropy } from "@vitrail/train";

export interface Proof {
  readonly report: EngineReport;
  readonly logits: number[];
  readonly losses: number[];
  /** The code of the error of a step after `dispose`. */
  readonly afterwards: string;
}

/** The same work on every platform: a forward pass of two sizes of batch, then a few training steps. */
export async function prove(engine: EngineName | "auto"): Promise<Proof> {
  await useBackend("cpu");
  const model = createModel(resnet20_cifar, { seed: 4, config: { blocks: 1, width: 8 } });
  const compiled = await compile(model, { input: [null, 16, 16, 3], engine });
  const images = createRng(1).normal(4 * 16 * 16 * 3);
  const logits = [...(await compiled.run(images)), ...(await compiled.run(images.slice(0, 16 * 16 * 3)))];
  await compiled.dispose();
  const plan = { model, loss: crossEntropy, optimizer: adamW({ lr: 0.01 }) };
  const step = await compileStep(plan, { batch: 4, input: [16, 16, 3], engine });
  const losses: number[] = [];
  for (let i = 0; i < 4; i++) losses.push((await step.run(images, Int32Array.of(0, 1, 2, 3))).loss);
  await step.pull();
  await step.dispose();
  const afterwards = await step.run(images, Int32Array.of(0, 1, 2, 3)).then(
    () => "it ran",
    ({ code }) => String(code),
  );
  model.dispose();
  return { report: compiled.report, logits, losses, afterwards };
}
