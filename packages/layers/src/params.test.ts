import { memory, type NamedTensor, type StateDict, useBackend } from "@vitrail/tensor";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import {
  BatchNorm2d,
  Conv2d,
  constant,
  type Init,
  initParams,
  invertPermutation,
  isCheckpointMismatch,
  kaimingNormal,
  kaimingUniform,
  Linear,
  loadParams,
  normal,
  ones,
  type ParamStore,
  permuteShape,
  permuteValues,
  shareParams,
  truncNormal,
  zeros,
} from "./index.ts";

const named = (shape: readonly number[], from = 0): NamedTensor => ({
  dtype: "F32",
  shape,
  float32: () => Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => from + i),
});

beforeAll(async () => {
  await useBackend("cpu");
});

describe("Params", () => {
  test("names are joined by dots, and shapes are the checkpoint's", () => {
    const store = initParams(0);
    const weight = store
      .at("blocks")
      .at(0)
      .get("weight", [2, 3], { init: zeros, permute: [1, 0] });
    expect(weight.shape).toEqual([3, 2]);
    expect([...store.named().keys()]).toEqual(["blocks.0.weight"]);
    expect([...store.at("blocks").named().keys()]).toEqual(["0.weight"]);
    expect(store.stateDict().get("blocks.0.weight")?.shape).toEqual([2, 3]);
    expect(store.at("blocks").at(0).path).toBe("blocks.0");
    store.dispose();
  });

  test("what is read permuted is written back as it was", () => {
    const dict: StateDict = new Map([["weight", named([2, 3, 4, 5])]]);
    const store = loadParams(dict);
    const weight = store.get("weight", [2, 3, 4, 5], { init: zeros, permute: [2, 3, 1, 0] });
    expect(weight.shape).toEqual([4, 5, 3, 2]);
    expect((weight.arraySync() as number[][][][])[1]?.[2]?.[1]?.[1]).toBe(1 * 60 + 1 * 20 + 1 * 5 + 2);
    expect(store.stateDict().get("weight")?.float32()).toEqual(named([2, 3, 4, 5]).float32());
    store.dispose();
  });

  test("a load lists every problem in one error, and none is hidden by another", () => {
    const before = memory().numTensors;
    const store = loadParams(
      new Map([
        ["fc.weight", named([10, 48])],
        ["oops.weight", named([1])],
        ["good", named([1])],
        ["bn1.num_batches_tracked", { ...named([]), dtype: "I64" }],
      ]),
    );
    const fc = store.at("fc");
    fc.get("weight", [11, 48], { init: zeros });
    fc.get("bias", [11], { init: zeros });
    store.get("good", [1], { init: zeros });
    store.get("good", [1], { init: zeros });
    let error: unknown;
    try {
      store.assertAllRead();
    } catch (thrown) {
      error = thrown;
    }
    if (!isCheckpointMismatch(error)) throw new Error("no mismatch");
    expect(error.name).toBe("CheckpointMismatchError");
    expect(error.code).toBe("checkpoint-mismatch");
    expect(error.message.split("\n  ").slice(1)).toEqual([
      "parameter fc.weight: expected shape [11, 48], found [10, 48]",
      "asked for twice by the model: good",
      "in the model but not in the checkpoint: fc.bias",
      "in the checkpoint but not in the model: oops.weight",
    ]);
    store.dispose();
    expect(memory().numTensors).toBe(before);
  });

  test("ignore passes over what the checkpoint has too much of, never over what it lacks", () => {
    const extra = loadParams(new Map([["aux.weight", named([1])]]));
    expect(() => extra.assertAllRead({ ignore: (name) => name.startsWith("aux.") })).not.toThrow();
    const lacking = loadParams(new Map());
    lacking.get("aux.weight", [1], { init: zeros });
    expect(() => lacking.assertAllRead({ ignore: () => true })).toThrow("in the model but not in the checkpoint");
    lacking.dispose();
  });

  test("names declared fresh come from their initialisers, whatever the checkpoint has", () => {
    const dict: StateDict = new Map([
      ["a", named([2])],
      ["head.a", named([7])],
      ["head.old", named([1])],
    ]);
    const store = loadParams(dict, { fresh: (name) => name.startsWith("head.") });
    expect([...store.get("a", [2], { init: zeros }).dataSync()]).toEqual([0, 1]);
    expect([...store.at("head").get("a", [3], { init: ones }).dataSync()]).toEqual([1, 1, 1]);
    expect(() => store.assertAllRead()).not.toThrow();
    store.dispose();
  });

  test("a loaded model keeps no view into the file", () => {
    const file = new Float32Array(100);
    const dict: StateDict = new Map([["a", { dtype: "F32", shape: [4], float32: () => file.subarray(10, 14) }]]);
    const store = loadParams(dict);
    const values = store.get("a", [4], { init: zeros }).dataSync() as Float32Array;
    expect(values.buffer.byteLength).toBe(16);
    store.dispose();
  });

  test("values do not depend on the order in which parameters are asked for", () => {
    const draw = (order: readonly string[]) => {
      const store = initParams(7);
      for (const name of order) store.get(name, [3, 3], { init: normal(1) });
      const values = Object.fromEntries([...store.stateDict()].map(([name, t]) => [name, [...t.float32()]]));
      store.dispose();
      return values;
    };
    expect(draw(["a", "b"])).toEqual(draw(["b", "a"]));
    const { a, b } = draw(["a", "b"]);
    expect(a).not.toEqual(b);
  });

  test("shared variables live until their last store is gone, in any order", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 5 }), fc.integer(), (parents, salt) => {
        const before = memory().numTensors;
        const first = initParams(0);
        const variable = first.get("w", [2], { init: ones });
        const stores: ParamStore[] = [first];
        for (const parent of parents) {
          const next = shareParams(stores[parent % stores.length] as ParamStore, { fresh: (name) => name === "h" });
          expect(next.get("w", [2], { init: zeros })).toBe(variable);
          next.get("h", [3], { init: zeros });
          stores.push(next);
        }
        const order = stores.map((s, i) => ({ s, key: Math.sin(salt + i * 7.7) })).sort((a, b) => a.key - b.key);
        for (const { s } of order) {
          expect(variable.isDisposed).toBe(false);
          s.dispose();
          s.dispose();
        }
        expect(variable.isDisposed).toBe(true);
        expect(memory().numTensors).toBe(before);
      }),
      { numRuns: 30 },
    );
  });

  test("a mounted module's parameters are saved with the store, loaded into it, and outlive either", () => {
    const own = initParams(1);
    new Linear(own, 2, 2);
    const store = initParams(2);
    store.at("head").mount(own);
    expect([...store.stateDict().keys()]).toEqual(["head.weight", "head.bias"]);
    const loading = loadParams(new Map([["head.weight", named([2, 2])]]));
    loading.at("head").mount(own);
    expect(() => loading.assertAllRead()).toThrow("in the model but not in the checkpoint: head.bias");
    loading.dispose();
    own.dispose();
    expect(store.stateDict().get("head.weight")?.float32()).toEqual(named([2, 2]).float32());
    store.dispose();
  });

  test("buffers are not trainable", () => {
    const store = initParams(0);
    new BatchNorm2d(store.at("bn1"), 2);
    const trainable = Object.fromEntries([...store.named()].map(([name, p]) => [name, p.trainable]));
    expect(trainable).toEqual({
      "bn1.weight": true,
      "bn1.bias": true,
      "bn1.running_mean": false,
      "bn1.running_var": false,
    });
    store.dispose();
  });
});

describe("permutations", () => {
  const shapeAndOrder = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 }).chain((shape) =>
    fc.tuple(
      fc.constant(shape),
      fc.shuffledSubarray(
        shape.map((_, i) => i),
        { minLength: shape.length },
      ),
    ),
  );

  test("move each value where its indices go, and back", () => {
    fc.assert(
      fc.property(shapeAndOrder, ([shape, order]) => {
        const values = named(shape).float32();
        const out = permuteValues(values, shape, order);
        const outShape = permuteShape(shape, order);
        const expected = out.map((_, flat) => {
          const index: number[] = [];
          for (let axis = outShape.length - 1, rest = flat; axis >= 0; axis--) {
            index[order[axis] as number] = rest % (outShape[axis] as number);
            rest = Math.floor(rest / (outShape[axis] as number));
          }
          return index.reduce((n, i, axis) => n * (shape[axis] as number) + i, 0);
        });
        expect(out).toEqual(expected);
        expect(permuteValues(out, outShape, invertPermutation(order))).toEqual(values);
      }),
      { numRuns: 100 },
    );
  });

  test("work where a tile does not divide the sides, and on nothing", () => {
    const values = named([70, 45]).float32();
    const out = permuteValues(values, [70, 45], [1, 0]);
    expect(out[3 * 70 + 66]).toBe(66 * 45 + 3);
    expect(permuteValues(new Float32Array(0), [0, 4], [1, 0]).length).toBe(0);
  });
});

describe("initialisers", () => {
  const draw = (init: Init, shape: readonly number[]) => {
    const store = initParams(11);
    const values = store.get("w", shape, { init }).dataSync() as Float32Array;
    store.dispose();
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const std = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
    return { mean, std, max: values.reduce((a, b) => Math.max(a, Math.abs(b)), 0) };
  };

  test("have torch's spread: Kaiming's over inputs or outputs, within 1/√fanIn by default", () => {
    // 20,000 and more values: the deviation of a deviation is 0.5 % at most.
    const shape = [64, 48, 3, 3];
    expect(draw(kaimingNormal("fanOut"), shape).std / Math.sqrt(2 / (64 * 9))).toBeCloseTo(1, 1.7);
    expect(draw(kaimingNormal("fanIn"), shape).std / Math.sqrt(2 / (48 * 9))).toBeCloseTo(1, 1.7);
    const uniform = draw(kaimingUniform(), shape);
    expect(uniform.max).toBeLessThanOrEqual(1 / Math.sqrt(48 * 9));
    expect(uniform.std * Math.sqrt(3 * 48 * 9)).toBeCloseTo(1, 1.7);
    expect(draw(truncNormal(0.02), [200, 200]).std / 0.02).toBeCloseTo(1, 1.7);
    expect(Math.abs(draw(truncNormal(0.02), [200, 200]).mean)).toBeLessThan(0.0005);
  });

  test("truncNormal draws again what falls outside its absolute limits", () => {
    const cut = draw(truncNormal(1, { low: -0.5, high: 0.5 }), [50, 50]);
    expect(cut.max).toBeLessThanOrEqual(0.5);
    expect(cut.std).toBeGreaterThan(0.25);
    expect(() => truncNormal(1, { low: 1, high: -1 })).toThrow("low 1 is not below high -1");
  });

  test("constants are constant, and a Kaiming of a vector is an error", () => {
    expect(draw(constant(0.1), [3])).toMatchObject({ max: Math.fround(0.1) });
    expect(() => draw(kaimingNormal(), [3])).toThrow("needs [out, in, ...], not [3]");
  });

  test("layers take torch's defaults: weight and bias even within 1/√fanIn", () => {
    const store = initParams(3);
    new Conv2d(store, 16, 64, 3);
    for (const { variable } of store.named().values()) {
      const values = variable.dataSync() as Float32Array;
      const max = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
      expect(max).toBeLessThanOrEqual(1 / 12);
      expect(max).toBeGreaterThan(0.9 / 12);
    }
    store.dispose();
  });
});
