import { expectClose } from "@repo/testing";
import { createRng, gelu, layerNorm, type Tensor, tensor1d, useBackend } from "@vitrail/tensor";
import { beforeAll, describe, expect, test } from "vitest";
import { checkOpset, forOpset, irVersionOf } from "./opset.ts";
import { opsOf, runGraph, traced } from "./testing.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

const block = () => {
  const [gamma, beta] = [tensor1d([1, 2, 3, 4]), tensor1d([0, 1, 0, -1])];
  return traced((x: Tensor) => gelu(layerNorm(x, gamma, beta, 1e-6)), [[null, 4]]);
};

describe("an older opset", () => {
  test("has what it lacks spelled out, with the same values", async () => {
    const feeds = { x0: { dims: [3, 4], data: createRng(1).normal(12) } };
    const { output: expected } = await runGraph(block(), feeds);
    for (const opset of [13, 16, 17, 20]) {
      const graph = block();
      forOpset(graph, opset);
      expect([opset, opsOf(graph).includes("Gelu")]).toEqual([opset, opset >= 20]);
      expect([opset, opsOf(graph).includes("LayerNormalization")]).toEqual([opset, opset >= 17]);
      const { output } = await runGraph(graph, feeds, {}, opset);
      expectClose(output?.data as Float32Array, expected?.data as Float32Array, 1e-6, `opset ${opset}`);
    }
  });

  test("comes with the IR version of its time, never over 10", () => {
    expect([13, 15, 19, 20, 21, 22].map(irVersionOf)).toEqual([7, 8, 9, 9, 10, 10]);
  });

  test.each([12, 23, 20.5, Number.NaN])("%s is refused with the range", (opset) => {
    expect(() => checkOpset(opset)).toThrow(`opset ${opset}: expected a whole number from 13 to 22; 20 is the default`);
  });
});
