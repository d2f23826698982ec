import type { NamedTensor, StateDict } from "@vitrail/tensor";
import { describe, expect, test } from "vitest";
import { adaptInputConv, allButLast, classesIn, headDiffers, joinStates, stateUnder } from "./index.ts";

const tensor = (shape: readonly number[], values: readonly number[] = []): NamedTensor => ({
  dtype: "F32",
  shape,
  float32: () => Float32Array.from(values),
});
const dict = (shapes: Readonly<Record<string, readonly number[]>>): StateDict =>
  new Map(Object.entries(shapes).map(([name, shape]) => [name, tensor(shape)]));

describe("checkpoints as one", () => {
  test("join under their paths and come apart again", () => {
    const [a, b] = [dict({ "fc.weight": [2, 3] }), dict({ "fc.weight": [4, 5], fc: [1] })];
    const whole = joinStates({ one: a, "two.inner": b, "": dict({ head: [7] }) });
    expect([...whole.keys()]).toEqual(["one.fc.weight", "two.inner.fc.weight", "two.inner.fc", "head"]);
    expect(stateUnder(whole, "one")).toEqual(a);
    expect(stateUnder(whole, "two.inner")).toEqual(b);
    expect(stateUnder(whole, "tw")).toEqual(new Map());
  });
});

describe("the classifier of a checkpoint", () => {
  test("is that of one layer, or of several that agree", () => {
    expect(classesIn(dict({ "fc.weight": [10, 4], "fc.bias": [10] }), "fc")).toBe(10);
    expect(classesIn(dict({ "head.a.weight": [5, 4], "head.b.weight": [5, 8] }), "head")).toBe(5);
    expect(classesIn(dict({ "head.0.weight": [6, 4], "head.1.weight": [5, 6] }), "head")).toBeUndefined();
    expect(classesIn(dict({ "fc_norm.weight": [4] }), "fc")).toBeUndefined();
    expect(headDiffers(dict({ "fc.weight": [10, 4] }), "fc", 10)).toBe(false);
    expect(headDiffers(dict({ "fc.weight": [10, 4] }), "fc", 0)).toBe(true);
  });
});

describe("a first convolution for other channels", () => {
  const colours = tensor([1, 3, 1, 2], [1, 2, 10, 20, 100, 200]);
  test("sums for one, repeats and scales for others", () => {
    expect(adaptInputConv(colours, 1)).toMatchObject({ shape: [1, 1, 1, 2] });
    expect([...adaptInputConv(colours, 1).float32()]).toEqual([111, 222]);
    expect([...adaptInputConv(colours, 2).float32()]).toEqual([1.5, 3, 15, 30]);
    expect([...adaptInputConv(colours, 6).float32()]).toEqual([0.5, 1, 5, 10, 50, 100, 0.5, 1, 5, 10, 50, 100]);
    expect([...adaptInputConv(tensor([1, 1, 1, 1], [6]), 3).float32()]).toEqual([2, 2, 2]);
  });

  test("stays as it is where nothing is to do, and where nobody says whose its channels are", () => {
    for (const [weight, inChans] of [
      [colours, 3],
      [tensor([1, 4, 1, 1]), 3],
      [tensor([2, 3]), 1],
    ] as const) {
      expect(adaptInputConv(weight, inChans)).toBe(weight);
    }
  });
});

test("only the blocks that there are can be trained", () => {
  const order = { numLayers: 4, layerOf: (name: string) => Number(name) };
  expect(["0", "1", "2", "3"].map(allButLast(order, 1))).toEqual([true, true, false, false]);
  for (const count of [-1, 3, 0.5]) expect(() => allButLast(order, count)).toThrow("expected 0 to 2");
});
