import { expectClose, goldens, goldenTensor, onBackends } from "@repo/testing";
import { memory, type Tensor, tensor, tensor1d, tensor2d } from "@vitrail/tensor";
import { describe, expect, test } from "vitest";
import { adamW, initialState, lamb, lion, noDecayForVectors, type Optimizer, optimizerStep, sgd } from "../index.ts";

const optimisers = () => {
  const file = goldens(new URL("../__goldens__/optimizers.safetensors", import.meta.url));
  const values = (name: string) => goldenTensor(file, name).float32();
  const optimizers: Record<string, Optimizer> = {
    adamw: adamW({ lr: 1e-2, weightDecay: 0.1 }),
    "adamw-betas": adamW({ lr: 3e-3, betas: [0.8, 0.95], eps: 1e-4, weightDecay: 0 }),
    sgd: sgd({ lr: 0.1 }),
    "sgd-momentum": sgd({ lr: 0.1, momentum: 0.9, weightDecay: 0.01 }),
    "sgd-nesterov": sgd({ lr: 0.05, momentum: 0.9, nesterov: true }),
    "sgd-dampening": sgd({ lr: 0.1, momentum: 0.9, dampening: 0.3 }),
    lamb: lamb({ lr: 1e-2, weightDecay: 0.1 }),
    "lamb-no-decay": lamb({ lr: 1e-2, weightDecay: 0 }),
    "lamb-adapt-clip": lamb({ lr: 1e-2, weightDecay: 0, alwaysAdapt: true, trustClip: true }),
    "lamb-plain": lamb({ lr: 1e-2, betas: [0.8, 0.95], eps: 1e-4, biasCorrection: false, gradAveraging: false }),
    "lamb-decoupled": lamb({ lr: 1e-2, weightDecay: 0.2, decoupledDecay: true, caution: true }),
    lion: lion({ lr: 1e-2, weightDecay: 0.1 }),
    "lion-betas": lion({ lr: 3e-3, betas: [0.95, 0.98], caution: true }),
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

  test("LAMB moves a parameter of zeros, and one without a gradient by its decay alone", () => {
    const optimizer = lamb({ lr: 0.1, weightDecay: 0.5 });
    const parameters = { zeros: tensor1d([0, 0]), still: tensor1d([3, 4]) };
    const gradients = { zeros: tensor1d([1, -1]), still: tensor1d([0, 0]) };
    const next = optimizerStep(optimizer, parameters, gradients, initialState(optimizer, parameters)).parameters;
    expectClose(next.zeros.dataSync(), [-0.1 / (1 + 1e-6), 0.1 / (1 + 1e-6)], 1e-6); // ε is 1e-6
    expectClose(next.still.dataSync(), [2.7, 3.6], 1e-6); // the update is p / 2, its trust ratio 2
  });

  test("settings out of range are refused", () => {
    expect(() => adamW({ lr: -1 })).toThrow("adamW: lr: expected 0 or more, found -1");
    expect(() => adamW({ lr: 1, betas: [1, 0.9] })).toThrow("below 1, found 1");
    expect(() => lamb({ lr: 1, eps: -1 })).toThrow("lamb: eps: expected 0 or more, found -1");
    expect(() => lion({ lr: 1, betas: [0.9, 1] })).toThrow("lion: betas[1]: expected 0 or more and below 1, found 1");
    expect(() => sgd({ lr: 1, nesterov: true })).toThrow("nesterov needs a momentum");
  });
};

onBackends(["cpu", "wasm", "tfjs-node"], () => {
  describe("optimisers equal torch's and timm's, step by step", optimisers);
});
