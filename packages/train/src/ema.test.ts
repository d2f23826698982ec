import { expectClose, goldens, goldenTensor } from "@repo/testing";
import { type Tensor, tensor, useBackend } from "@vitrail/tensor";
import { beforeAll, describe, expect, test } from "vitest";
import {
  type EmaOptions,
  emaDecay,
  initialState,
  type Optimizer,
  optimizerStep,
  sgd,
  updateEma,
  withEma,
} from "./index.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

describe("averages equal timm's ModelEmaV3, update by update", () => {
  const file = goldens(new URL("./__goldens__/averages.safetensors", import.meta.url));
  const values = (name: string) => goldenTensor(file, name).float32();
  const decays = JSON.parse(file.metadata?.decays as string) as Record<string, number[]>;
  const cases: Record<string, EmaOptions> = {
    plain: { decay: 0.9 },
    warmup: { decay: 0.995, warmup: true },
    "warmup-power": { decay: 0.9, warmup: true, warmupGamma: 2, warmupPower: 0.75, minDecay: 0.3 },
    late: { decay: 0.9, updateAfterStep: 3 },
    "no-buffers": { decay: 0.9 },
  };

  test.each(Object.entries(cases))("%s: on host arrays", (name, options) => {
    const averages = { w: new Float32Array(12), running: new Float32Array(3) };
    for (let step = 1; step <= 10; step++) {
      const decay = emaDecay(step, options);
      expect(decay).toBeCloseTo(decays[name]?.[step - 1] as number, 14);
      const copied = (key: string) => name === "no-buffers" && key === "running";
      updateEma(averages, { w: values(`w.${step}`), running: values(`running.${step}`) }, decay, copied);
      expectClose(averages.w, values(`${name}.w.${step}`), 1e-6, `step ${step}`);
      expectClose(averages.running, values(`${name}.running.${step}`), 1e-6, `step ${step}`);
    }
  });

  test.each(Object.entries(cases))("%s: as a slot of an optimiser", (name, options) => {
    /** Moves each parameter to its "gradient", so that the parameters are the golden's. */
    const jump: Optimizer = {
      ...sgd({ lr: 1 }),
      update: (_parameter, gradient) => ({ parameter: gradient, slots: {} }),
    };
    const optimizer = withEma(jump, options);
    let parameters: Record<string, Tensor> = { w: tensor(values("w.1"), [4, 3]) };
    let state = initialState(optimizer, parameters);
    for (let step = 1; step <= 10; step++) {
      ({ parameters, state } = optimizerStep(optimizer, parameters, { w: tensor(values(`w.${step}`), [4, 3]) }, state));
      const average = state.slots.w?.ema as Tensor;
      expectClose(average.dataSync(), values(`${name}.w.${step}`), 1e-6, `step ${step}`);
    }
  });

  test("the optimiser inside goes its own way", () => {
    const inner = sgd({ lr: 0.1, momentum: 0.9 });
    const gradients = { w: tensor([1, -2]) };
    const run = (optimizer: Optimizer) => {
      let parameters = { w: tensor([1, 2]) as Tensor };
      let state = initialState(optimizer, parameters);
      for (let i = 0; i < 3; i++) ({ parameters, state } = optimizerStep(optimizer, parameters, gradients, state));
      return { w: parameters.w.dataSync(), momentum: state.slots.w?.momentum_buffer?.dataSync() };
    };
    expect(run(withEma(inner))).toEqual(run(inner));
  });
});

test("averages of other names or lengths, and settings out of range, are refused", () => {
  const average = { w: Float32Array.of(1, 2) };
  expect(() => updateEma(average, {}, 0.9)).toThrow("w: expected 2 values, found nothing");
  expect(() => updateEma(average, { w: Float32Array.of(1) }, 0.9)).toThrow("expected 2 values, found 1 values");
  expect(() => updateEma(average, { w: average.w, x: average.w }, 0.9)).toThrow("x is new");
  expect(() => withEma(sgd({ lr: 1 }), { decay: 1 })).toThrow("decay: expected 0 or more and below 1, found 1");
  expect(() => emaDecay(1, { decay: 0.5, minDecay: 0.9 })).toThrow("minDecay: expected 0 to the decay 0.5, found 0.9");
  expect(() => emaDecay(1, { warmupGamma: 0 })).toThrow("warmupGamma: expected more than 0, found 0");
});
