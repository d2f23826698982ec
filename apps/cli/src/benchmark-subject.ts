import { compile, compileStep, type EngineReport, hostTensors, type Precision, quantize } from "@vitrail/jit";
import { summarize } from "@vitrail/layers";
import { type BackendName, createRng, matMul, type Tensor, type Tensor2D, useBackend } from "@vitrail/tensor";
import { adamW, crossEntropy } from "@vitrail/train";
import type { BenchmarkCommand } from "./commands/benchmark.ts";
import { engineFor } from "./engine-choice.ts";
import type { Subject } from "./measure.ts";
import { isRepo } from "./models-table.ts";
import { type OpenModel, openModel } from "./open-model.ts";
import { UserError } from "./user-error.ts";

/** A subject with its name and engine. */
export interface OpenSubject extends Subject {
  readonly name: string;
  readonly engine: EngineReport["engine"];
  readonly provider: string | undefined;
  readonly precision: Precision;
  readonly mode: "inference" | "training";
  dispose(): Promise<void>;
}

const SIDE = 2048;
const MODEL = "vit_tiny_patch16_224";

/** Opens the model, compiles it, and opens a matrix product beside it on the same engine. */
export async function openSubject(options: BenchmarkCommand, onNote: (line: string) => void): Promise<OpenSubject> {
  const { batch, precision, train = false, threads } = options;
  if (train && precision !== "fp32") throw new UserError("--train computes in fp32: leave --precision out");
  const chosen = engineFor(options);
  const { engine: wanted = "auto" } = chosen;
  if (wanted === "tfjs" && precision !== "fp32")
    throw new UserError("engine tfjs computes in fp32: leave --precision out");
  // Gradients and engine tfjs need a backend; a compiled forward pass does without.
  const eager = wanted === "tfjs" || wanted === "auto";
  const asked = (eager ? (options.backend ?? "auto") : "cpu") as BackendName | "auto"; // useBackend says which names there are
  const backend = eager || train ? await useBackend(asked) : undefined;
  const { name, model, preprocess } = await openModel(subjectOf(options));
  const [, height, width] = preprocess.inputSize;
  const size = [height, width, 3] as const;
  // A multiply-accumulate is two operations; a step goes forward once and back twice.
  const { gmacs } = hostTensors(() => summarize(model, size)); // traced: nothing is computed
  const flops = 2e9 * gmacs * batch * (train ? 3 : 1);
  const images = createRng(0).normal(batch * height * width * 3);
  const settings = { ...chosen, threads };

  if (train) {
    const plan = { model, loss: crossEntropy as never, optimizer: adamW({ lr: 1e-4 }) };
    const step = await compileStep(plan, { batch, input: [height, width, 3], ...settings });
    const labels = Int32Array.from({ length: batch }, (_, i) => i % Math.max(1, model.numClasses));
    const run = async () => {
      await step.run(images, labels);
    };
    const peak = await openPeak(step.report, threads);
    const dispose = async () => {
      await Promise.all([step.dispose(), peak.dispose()]);
      model.dispose();
    };
    const { engine, provider } = step.report;
    return { name, engine, provider, precision, mode: "training", batch, flops, run, peak, dispose };
  }

  const input = [null, height, width, 3];
  const small = precision === "fp32" ? model : await quantize(model, { input, precision, ...settings });
  const compiled = await compile(small, { input, ...settings });
  if (compiled.report.engine !== "ort") {
    for (const { name: tried, reason } of compiled.report.tried) onNote(`${tried}: ${reason}`);
    if (compiled.report.engine === "tfjs") onNote(`engine tfjs on backend ${backend?.name}`);
  }
  const peak = await openPeak(compiled.report, threads);
  const run = async () => {
    await compiled.run(images);
  };
  const dispose = async () => {
    await Promise.all([compiled.dispose(), peak.dispose()]);
    model.dispose();
  };
  const { engine, provider } = compiled.report;
  return { name, engine, provider, precision, mode: "inference", batch, flops, run, peak, dispose };
}

/** Random weights are as fast as any: without a word nothing is fetched. */
export function subjectOf({
  model,
  weights = "none",
  offline,
}: Pick<BenchmarkCommand, "model" | "weights" | "offline">): OpenModel {
  if (weights !== "none") return { model, weights, offline };
  if (model !== undefined && isRepo(model)) return { model, offline }; // what it is stands there
  return { model: model ?? MODEL, weights, offline };
}

/** Products in a row, so that what it takes to hand the matrices over does not count. */
async function openPeak({ engine, provider }: EngineReport, threads: number | undefined) {
  const times = engine === "ort" ? 4 : 1;
  const product = (a: Tensor, b: Tensor) => {
    let c = a as Tensor2D;
    for (let i = 0; i < times; i++) c = matMul(c, b as Tensor2D);
    return c;
  };
  const shape = [SIDE, SIDE];
  const inputs = ["a", "b"].map((name) => ({ name, shape }));
  const compiled = await compile(product, { inputs, engine, provider, threads });
  // of unit variance after every product
  const values = (seed: number) =>
    createRng(seed)
      .normal(SIDE * SIDE)
      .map((v) => v / Math.sqrt(SIDE));
  const feeds = { a: { shape, data: values(1) }, b: { shape, data: values(2) } };
  return {
    flops: 2 * SIDE ** 3 * times,
    run: async () => {
      await compiled.runAll(feeds);
    },
    dispose: () => compiled.dispose(),
  };
}
