/** Ten training steps of each kind of network, each from a state that is filled by name: compiled, eager, torch in float64. */
import { expectClose, fill, fillImage, goldens, goldenTensor, maxRelativeError } from "@repo/testing";
import { createModel, invertPermutation, type Param, permuteValues } from "@vitrail/layers";
import { tensor, tidy, useBackend } from "@vitrail/tensor";
import { adamW, crossEntropy, lamb, lion, optimizerStep, sgd } from "@vitrail/train";
import { beforeAll, describe, expect, test } from "vitest";
import { compile } from "./compile.ts";
import { type CompiledStep, compileStep, type StepState } from "./step.ts";
import type { StepPlan } from "./step-function.ts";
import { smallNetworks } from "./testing.ts";

beforeAll(async () => {
  await useBackend("wasm");
});

const STEPS = 10;
const loss = crossEntropy as StepPlan["loss"];
const norm = (values: ArrayLike<number>) => Math.hypot(...Array.from(values));
/** With β₁ = 0 the first moment of AdamW is the gradient itself. */
const optimizer = adamW({ lr: 1e-2, betas: [0, 0.999], weightDecay: 0.1 });

type Values = StepState["values"];
const valuesOf = (values: Values, key: string) => values[key]?.data as Float32Array;

/** ‖a − b‖ / max(‖b‖, 1e-4 of the whole gradient): an attention's key bias has no slope at all. */
const relative = (difference: number, size: number, total: number) => difference / Math.max(size, 1e-4 * total);

/** The state before step `number`, the same as in tooling/goldens/steps.py. */
function filled(blank: Values, params: ReadonlyMap<string, Param>, number: number): StepState {
  const values = { ...blank };
  for (const [name, { checkpointShape, permute, variable, trainable }] of params) {
    const held = trainable
      ? fill(`${number}.${name}`, checkpointShape, 1)
      : new Float32Array(variable.size).fill(name.endsWith("var") ? 1 : 0);
    const data = permute ? permuteValues(held, checkpointShape, permute) : held;
    values[`param:${name}`] = { shape: variable.shape, data };
  }
  return { steps: 0, values };
}

describe("ten steps, each from the same state, equal torch's and the eager ones", () => {
  test.each(Object.entries(smallNetworks()))("%s: loss, gradients, statistics, parameters", async (name, spec) => {
    const golden = goldens(new URL(`./__goldens__/${name}.steps.safetensors`, import.meta.url));
    const { images, shape } = golden.metadata as { images: string; shape: string };
    const dims = JSON.parse(shape) as [number, number, number, number];
    const [batch, ...input] = dims;
    /** Row `number` of a golden, and how many values it has. */
    const row = (key: string, number: number): Float32Array => {
      const found = goldenTensor(golden, key).float32();
      const length = found.length / STEPS;
      return found.slice(number * length, (number + 1) * length);
    };
    const model = createModel(spec);
    const params = model.params.named();
    const trained = [...params].filter(([, { trainable }]) => trainable);
    const plan: StepPlan = { model, loss, optimizer };
    const compiled = await compileStep(plan, { batch, input, engine: "ort" });
    const eager = await compileStep(plan, { batch, input, engine: "tfjs" });
    const blank = (await compiled.save()).values;

    for (let number = 0; number < STEPS; number++) {
      const state = filled(blank, params, number);
      const x = fillImage((JSON.parse(images) as string[])[number] as string, dims);
      const labels = Int32Array.from(row("labels", number));
      const after = async (step: CompiledStep) => {
        await step.restore(state);
        return { ...(await step.run(x, labels)), values: (await step.save()).values };
      };
      const [ours, theirs] = [await after(compiled), await after(eager)];
      for (const result of [ours, theirs]) {
        expect(Math.abs(result.loss - (row("loss", number)[0] as number)), `loss ${number}`).toBeLessThan(1e-5);
      }
      const total = norm(trained.map(([key]) => row(`norm.${key}`, number)[0] as number));
      expect(Math.abs(ours.gradNorm / total - 1)).toBeLessThan(1e-4);
      for (const [key, { permute, trainable, variable }] of params) {
        const label = `${key}, step ${number}`;
        if (!trainable) {
          for (const { values } of [ours, theirs]) {
            expectClose(valuesOf(values, `param:${key}`), row(key, number), 1e-5, label);
          }
          continue;
        }
        const [a, b] = [ours, theirs].map(({ values }) => valuesOf(values, `exp_avg:${key}`)) as [
          Float32Array,
          Float32Array,
        ];
        expect(relative(norm(a.map((v, i) => v - (b[i] as number))), norm(b), total), label).toBeLessThan(1e-4);
        const held = permute ? permuteValues(a, variable.shape, invertPermutation(permute)) : a;
        const kept = row(`grad.${key}`, number);
        const difference = kept.map((v, k) => v - (held[Math.floor((k * held.length) / kept.length)] as number));
        const whole = norm(difference) * Math.sqrt(held.length / kept.length);
        expect(relative(whole, row(`norm.${key}`, number)[0] as number, total), label).toBeLessThan(1e-4);

        // The optimiser, on the gradient that the step itself found.
        const before = valuesOf(state.values, `param:${key}`);
        const zeros = new Float32Array(before.length);
        const next = tidy(() => {
          const slots = { exp_avg: tensor(zeros), exp_avg_sq: tensor(zeros) };
          const state = { step: 0, slots: { p: slots } };
          return optimizerStep(optimizer, { p: tensor(before) }, { p: tensor(a) }, state).parameters.p.dataSync();
        });
        expect(maxRelativeError(valuesOf(ours.values, `param:${key}`), next), label).toBeLessThan(1e-6);
      }
    }
    await compiled.dispose();
    await eager.dispose();
    model.dispose();
  });
});

describe("compiled optimisers equal torch's and timm's on their own gradients", () => {
  const golden = goldens(new URL("../../train/src/__goldens__/optimizers.safetensors", import.meta.url));
  const rates = JSON.parse(golden.metadata?.rates as string) as number[];
  test.each([
    ["adamw", adamW({ lr: 1e-2, weightDecay: 0.1 })],
    ["adamw-betas", adamW({ lr: 3e-3, betas: [0.8, 0.95], eps: 1e-4, weightDecay: 0 })],
    ["sgd-momentum", sgd({ lr: 0.1, momentum: 0.9, weightDecay: 0.01 })],
    ["sgd-nesterov", sgd({ lr: 0.05, momentum: 0.9, nesterov: true })],
    ["sgd-dampening", sgd({ lr: 0.1, momentum: 0.9, dampening: 0.3 })],
    ["lamb", lamb({ lr: 1e-2, weightDecay: 0.1 })],
    ["lamb-no-decay", lamb({ lr: 1e-2, weightDecay: 0 })],
    ["lamb-decoupled", lamb({ lr: 1e-2, weightDecay: 0.2, decoupledDecay: true, caution: true })],
    ["lion", lion({ lr: 1e-2, weightDecay: 0.1 })],
    ["lion-betas", lion({ lr: 3e-3, betas: [0.95, 0.98], caution: true })],
  ] as const)("%s", async (name, rule) => {
    const names = Object.keys(rule.scalars(1, rule.lr, {}));
    const inputs = [...["p", "g", ...rule.slots].map((one) => ({ name: one, shape: [4, 3] }))];
    const scalars = names.map((one) => ({ name: one, shape: [] }));
    const update = await compile(
      (...tensors) => {
        const given = Object.fromEntries([...inputs, ...scalars].map(({ name: one }, i) => [one, tensors[i]]));
        const { parameter, slots } = rule.update(given.p as never, given.g as never, given as never, given as never);
        return { p: parameter, ...slots };
      },
      { inputs: [...inputs, ...scalars] },
    );
    const value = (data: Float32Array, shape: readonly number[] = [4, 3]) => ({ shape, data });
    const read = (key: string) => goldenTensor(golden, key).float32();
    let state = Object.fromEntries(["p", ...rule.slots].map((one) => [one, value(new Float32Array(12))]));
    state.p = value(read("start"));
    for (const [i, rate] of rates.entries()) {
      const numbers = Object.entries(rule.scalars(i + 1, rule.lr * rate, {}));
      state = (await update.runAll({
        ...state,
        g: value(read(`grad.${i}`)),
        ...Object.fromEntries(numbers.map(([key, number]) => [key, value(Float32Array.of(number), [])])),
      })) as typeof state;
      expectClose(state.p?.data as Float32Array, read(`${name}.${i}`), 1e-6, `step ${i}`);
    }
    await update.dispose();
  });
});
