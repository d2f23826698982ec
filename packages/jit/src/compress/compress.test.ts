import { createModel } from "@vitrail/layers";
import { createRng, matMul, type Tensor, tensor2d, useBackend } from "@vitrail/tensor";
import { vitModels } from "@vitrail/vit";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { compile } from "../compile.ts";
import { optimise } from "../passes/index.ts";
import { runGraph, traced } from "../testing.ts";
import { agreementOf, divergence, expectedAgreement, topOf } from "./agreement.ts";
import { storeHalf } from "./half.ts";
import { quantize } from "./index.ts";
import { fewest } from "./mixed.ts";
import { bestRange } from "./observe.ts";
import { sparse } from "./prune.ts";
import type { QuantizeOptions } from "./quantize.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

describe("storeHalf", () => {
  test("stores large weights in half and computes with what that rounds to", async () => {
    const values = createRng(1).normal(64 * 64);
    const w = tensor2d(values, [64, 64]);
    const graph = traced(
      (x: Tensor) => matMul(x as never, w),
      [[1, 64]],
      (g) => optimise(g, { contrib: false }),
    );
    const half = storeHalf(graph);
    expect(half.nodes.map(({ op }) => op)).toEqual(["Cast", "Gemm"]);
    const x = { x0: { dims: [1, 64], data: new Float32Array(64).fill(1) } };
    const [a, b] = [await runGraph(graph, x), await runGraph(half, x)];
    const errors = [...(a.output?.data ?? [])].map((v, i) => Math.abs(v - (b.output?.data[i] ?? 9)));
    expect(Math.max(...errors)).toBeLessThan(0.02);
    expect(Math.max(...errors)).toBeGreaterThan(0);
  });

  test("keeps weights in fp32 that half cannot hold", () => {
    const w = tensor2d(new Float32Array(64 * 64).fill(1e5), [64, 64]);
    const graph = traced(
      (x: Tensor) => matMul(x as never, w),
      [[1, 64]],
      (g) => optimise(g, { contrib: false }),
    );
    expect(storeHalf(graph).nodes.map(({ op }) => op)).toEqual(["Gemm"]);
  });
});

describe("sparse", () => {
  test("zeroes at least the share asked for, and only the smallest", () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true, min: -8, max: 8 }), { minLength: 1 }),
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        (list, share) => {
          const values = Float32Array.from(list);
          const out = sparse(values, share);
          const zeros = out.filter((v) => v === 0).length;
          expect(zeros).toBeGreaterThanOrEqual(Math.floor(values.length * share));
          const kept = Math.min(...out.filter((v) => v !== 0).map(Math.abs));
          const gone = values.filter((v, i) => v !== out[i]).map(Math.abs);
          for (const v of gone) expect(v).toBeLessThanOrEqual(kept);
        },
      ),
    );
  });
});

describe("agreement", () => {
  test("counts equal classes, with Wilson's interval over independent images", () => {
    expect(topOf(Float32Array.of(1, 3, 3, 5, 0, 0), 3)).toEqual([1, 0]);
    const { same, of, share, interval } = agreementOf([1, 2, 3, 4], [1, 2, 3, 0], 4);
    expect([same, of, share]).toEqual([3, 4, 0.75]);
    expect(interval.map((v) => v.toFixed(3))).toEqual(["0.301", "0.954"]);
  });

  test("expects answers to stay as their leads and the errors say", () => {
    const [images, classes] = [4000, 10];
    const reference = createRng(1).normal(images * classes);
    for (const error of [0.03, 0.3]) {
      const noise = createRng(2).normal(images * classes);
      const found = reference.map((v, i) => v + error * (noise[i] as number));
      const { share } = agreementOf(topOf(reference, classes), topOf(found, classes));
      const expected = expectedAgreement(reference, found, classes);
      expect(expected).toBeLessThan(share + 0.005);
      expect(expected).toBeGreaterThan(share - 0.05);
      // Of 64 images it says more than a count does: it varies less from one set to the next.
      const sets = Array.from({ length: 62 }, (_, i) => [i * 64 * classes, (i + 1) * 64 * classes] as const);
      const parts = sets.map((set) => [reference.slice(...set), found.slice(...set)] as const);
      const variance = (values: number[]) => {
        const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
        return values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
      };
      const counted = parts.map(([p, q]) => agreementOf(topOf(p, classes), topOf(q, classes)).share);
      expect(variance(parts.map(([p, q]) => expectedAgreement(p, q, classes)))).toBeLessThan(variance(counted) / 1.5);
    }
    const first = reference.slice(0, classes);
    expect(expectedAgreement(first, first, classes)).toBe(1);
    expect(expectedAgreement(Float32Array.of(1, 1), Float32Array.of(1, 2), 2)).toBeCloseTo(0.5, 6); // no lead at all
    expect(expectedAgreement(Float32Array.of(3, 4), Float32Array.of(5, 6), 1)).toBe(1); // one class cannot change
  });

  test("divergence is 0 for equal answers and positive for others", () => {
    const a = Float32Array.of(1, 2, 3, 3, 2, 1);
    expect(divergence(a, a, 3)).toBe(0);
    expect(divergence(a, Float32Array.of(1, 2, 3, 3, 2, 2), 3)).toBeGreaterThan(0);
  });
});

describe("ranges and mixtures", () => {
  test("an outlier is cut where that makes everything else finer, and a flat range is kept", () => {
    const flat = new Float64Array(1000).fill(1);
    expect(bestRange(flat, { low: 0, high: 1 })).toEqual({ low: 0, high: 1 });
    const peaked = new Float64Array(1000);
    peaked.fill(1e6, 0, 500);
    peaked[999] = 1;
    const cut = bestRange(peaked, { low: 0, high: 1 });
    expect(cut.high).toBeLessThan(0.6);
    expect(cut.high).toBeGreaterThan(0.45);
  });

  test("keeps the fewest layers that agree", async () => {
    for (const need of [1, 2, 6, 7]) expect(await fewest(7, async (n) => n >= need)).toBe(need);
    expect(await fewest(7, async () => false)).toBe(undefined);
    expect(await fewest(0, async () => true)).toBe(undefined);
  });
});

describe("quantize", () => {
  const input = [null, 32, 32, 3] as const;
  const vit = () =>
    createModel(vitModels.vit_tiny_patch16_224, { config: { imgSize: 32, depth: 2, embedDim: 24, numClasses: 7 } });
  const images = (seed: number, n: number) => createRng(seed).normal(n * 32 * 32 * 3);

  test("measures what it does on inputs that calibration did not see, and the result runs and keeps its rows apart", async () => {
    const model = vit();
    const notes: string[] = [];
    const small = await quantize(model, {
      input,
      calibration: [images(1, 4), images(2, 4)],
      validation: [images(3, 6)],
      agreement: 0.9,
      onNote: (note) => notes.push(note),
    });
    const { report } = small;
    expect(report).toMatchObject({ precision: "int8", layers: 10, sparsity: 0 });
    expect(report.int8Layers + report.kept.length).toBe(10);
    expect(report.sensitivity).toEqual(expect.arrayContaining([...report.byRow]));
    expect(report.agreement?.of).toBe(6);
    expect(notes[0]).toMatch(/^observing \d+ ranges on 8 inputs$/);
    for (const engine of ["ort", "ort-web"] as const) {
      const compiled = await compile(small, { engine });
      const both = await compiled.run(images(4, 2));
      const second = await compiled.run(images(4, 2).slice(32 * 32 * 3));
      expect([...second]).toEqual([...both.slice(7)]);
      await compiled.dispose();
    }
    model.dispose();
  });

  test("keeps every layer in fp32 that is asked to agree on everything and cannot", async () => {
    const model = vit();
    const { report } = await quantize(model, { input, calibration: [images(1, 64)], agreement: 1 });
    expect(report.agreement?.share).toBe(1);
    model.dispose();
  });

  test("keeps the layers that are named, without measuring", async () => {
    const model = vit();
    const [keep, byRow] = [["Gemm 9 [24, 7]"], ["Gemm 4 [96, 24]"]];
    const { report } = await quantize(model, { input, calibration: [images(1, 4)], agreement: 0, keep, byRow });
    expect(report).toMatchObject({ int8Layers: 9, kept: keep, byRow, sensitivity: [] });
    model.dispose();
  });

  test("prunes, and says what that costs", async () => {
    const model = vit();
    const { report } = await quantize(model, { input, precision: "fp32", sparsity: 0.9, validation: [images(1, 32)] });
    expect(report).toMatchObject({ precision: "fp32", sparsity: 0.9, int8Layers: 0 });
    expect(report.agreement?.share).toBeLessThan(1);
    model.dispose();
  });

  test("without calibration rounds products row by row, or by each batch's range, and measures nothing", async () => {
    const model = vit();
    const { report } = await quantize(model, { input });
    expect(report).toMatchObject({ int8Layers: 10, kept: [], sensitivity: [], agreement: undefined });
    expect(report.byRow).toHaveLength(10);
    const { report: dynamic } = await quantize(model, { input, products: "dynamic" });
    expect(dynamic).toMatchObject({ int8Layers: 10, byRow: [] });
    model.dispose();
  });

  const image = new Float32Array(32 * 32 * 3);
  test.each<[string, Partial<QuantizeOptions>]>([
    ["precision int4: expected fp32, fp16, int8", { precision: "int4" as never }],
    ["sparsity 1: expected a share from 0 to below 1", { sparsity: 1 }],
    ["agreement 98: expected a share from 0 to 1", { agreement: 98 }],
    ["keep: no layer is called Conv 5; the first is Gemm 0 [768, 24]", { keep: ["Conv 5"], calibration: [image] }],
    ["byRow: no matrix product is called Conv 5", { byRow: ["Conv 5"] }],
    ["calibration: expected some dozens of inputs, found none", { calibration: [] }],
    ['products: "static" needs calibration, some dozens of real inputs; found none', { products: "static" }],
    ["calibration: expected values of [N, 32, 32, 3], found 5", { calibration: [new Float32Array(5)] }],
    ["calibration: a value is not finite", { calibration: [image.map(() => Number.NaN)] }],
    ["compressed models run in ONNX Runtime only, not on engine tfjs", { engine: "tfjs", calibration: [image] }],
  ])("refuses: %s", async (message, options) => {
    const model = vit();
    await expect(quantize(model, { input, ...options })).rejects.toThrow(message);
    model.dispose();
  });
});
