import { readFileSync } from "node:fs";
import { expectClose, onBackends } from "@repo/testing";
import { readCheckpoint } from "@vitrail/checkpoint";
import { cast, grad, memory, type Tensor, tensor, tensor1d, tensor2d } from "@vitrail/tensor";
import { describe, expect, test } from "vitest";
import { adamW, crossEntropy, initialState, noDecayForVectors, type Optimizer, optimizerStep, sgd } from "./index.ts";

const golden = (name: string) =>
  readCheckpoint(readFileSync(new URL(`./__goldens__/${name}.safetensors`, import.meta.url)));

const losses = () => {
  const file = golden("losses");
  const read = (name: string) => {
    const found = file.tensors.get(name);
    if (!found) throw new Error(`no ${name}`);
    return tensor(found.float32(), [...found.shape]);
  };
  test.each([
    ["hard", {}],
    ["hard-smoothed", { labelSmoothing: 0.1 }],
    ["hard-weighted", { weighted: true }],
    ["hard-weighted-smoothed", { weighted: true, labelSmoothing: 0.2 }],
    ["soft", {}],
    ["soft-smoothed", { labelSmoothing: 0.1 }],
    ["soft-weighted", { weighted: true }],
  ] as const)("%s", (name, options) => {
    const target = name.startsWith("hard") ? cast(read("labels"), "int32") : read("soft");
    const { labelSmoothing, weighted } = options as { labelSmoothing?: number; weighted?: boolean };
    const settings = {
      ...(labelSmoothing === undefined ? {} : { labelSmoothing }),
      ...(weighted ? { weight: read("weight") as never } : {}),
    };
    const f = (x: Tensor) => crossEntropy(x as never, target as never, settings);
    const logits = read("logits");
    expectClose(f(logits).dataSync(), read(`${name}.loss`).dataSync(), 1e-6);
    expectClose(grad(f)(logits).dataSync(), read(`${name}.grad`).dataSync(), 1e-6);
  });

  test("refuses targets that do not fit", () => {
    const logits = tensor2d([[1, 2]]);
    expect(() => crossEntropy(logits, tensor1d([1, 2], "int32"))).toThrow("expected targets [1] or [1, 2], found [2]");
    expect(() => crossEntropy(logits, tensor1d([1]))).toThrow("type int32, found float32");
    expect(() => crossEntropy(logits, tensor1d([1], "int32"), { labelSmoothing: 2 })).toThrow("0 to 1, found 2");
  });
};

const optimisers = () => {
  const file = golden("optimizers");
  const values = (name: string) => file.tensors.get(name)?.float32() as Float32Array;
  const optimizers: Record<string, Optimizer> = {
    adamw: adamW({ lr: 1e-2, weightDecay: 0.1 }),
    "adamw-betas": adamW({ lr: 3e-3, betas: [0.8, 0.95], eps: 1e-4, weightDecay: 0 }),
    sgd: sgd({ lr: 0.1 }),
    "sgd-momentum": sgd({ lr: 0.1, momentum: 0.9, weightDecay: 0.01 }),
    "sgd-nesterov": sgd({ lr: 0.05, momentum: 0.9, nesterov: true }),
    "sgd-dampening": sgd({ lr: 0.1, momentum: 0.9, dampening: 0.3 }),
  };
  test.each(Object.entries(optimizers))("%s", (name, optimizer) => {
    const rates = JSON.parse(file.metadata?.rates as string) as number[];
    let parameters: Record<string, Tensor> = { w: tensor(values("start"), [4, 3]) };
    let state = initialState(optimizer, parameters);
    rates.forEach((rate, i) => {
      const gradients = { w: tensor(values(`grad.${i}`), [4, 3]) };
      ({ parameters, state } = optimizerStep(optimizer, parameters, gradients, state, optimizer.lr * rate));
      expectClose((parameters.w as Tensor).dataSync(), values(`${name}.${i}`), 1e-6, `step ${i}`);
    });
    expect(state.step).toBe(rates.length);
  });

  test("a step leaves exactly its results behind", () => {
    const optimizer = adamW({ lr: 0.1 });
    const parameters = { w: tensor([1, 2]) };
    const state = initialState(optimizer, parameters);
    const gradients = { w: tensor([1, 1]) };
    const before = memory().numTensors;
    optimizerStep(optimizer, parameters, gradients, state);
    expect(memory().numTensors - before).toBe(3);
  });

  test("groups have their own rate and decay", () => {
    const optimizer = sgd({ lr: 0.1, weightDecay: 1, groupOf: noDecayForVectors() });
    const parameters = { matrix: tensor2d([[1]]), bias: tensor1d([1]) };
    const gradients = { matrix: tensor2d([[0]]), bias: tensor1d([0]) };
    const next = optimizerStep(optimizer, parameters, gradients, initialState(optimizer, parameters)).parameters;
    expect(next.matrix?.dataSync()[0]).toBeCloseTo(0.9, 6);
    expect(next.bias?.dataSync()[0]).toBe(1);
  });

  test("settings out of range are refused", () => {
    expect(() => adamW({ lr: -1 })).toThrow("adamW: lr: expected 0 or more, found -1");
    expect(() => adamW({ lr: 1, betas: [1, 0.9] })).toThrow("below 1, found 1");
    expect(() => sgd({ lr: 1, nesterov: true })).toThrow("nesterov needs a momentum");
  });
};

onBackends(["cpu", "tfjs-node"], () => {
  describe("crossEntropy equals torch's, gradients too", losses);
  describe("optimisers equal torch's, step by step", optimisers);
});
