import { expectClose, fillImage, goldens, maxRelativeError } from "@repo/testing";
import {
  createModel,
  type ImageModel,
  invertPermutation,
  loadModel,
  type ModelSpec,
  permuteValues,
} from "@vitrail/layers";
import { ResNet, resnet18, resnet20_cifar, resnet50 } from "@vitrail/resnet";
import { createRng, ones, type Tensor, useBackend } from "@vitrail/tensor";
import { adamW, crossEntropy, sgd } from "@vitrail/train";
import { hybridSpec, vit_tiny_patch16_224 } from "@vitrail/vit";
import { beforeAll, describe, expect, test } from "vitest";
import { type CompiledStep, compileStep, type StepState } from "./step.ts";
import type { StepPlan } from "./step-function.ts";

type AnySpec = ModelSpec<object, ImageModel>;

beforeAll(async () => {
  await useBackend("cpu");
});

const any = (spec: unknown): AnySpec => spec as AnySpec;
const small = {
  basic: any({ ...resnet18, config: { block: "basic", layers: [2, 1, 1, 1], width: 4, numClasses: 5 } }),
  bottleneck: any({ ...resnet50, config: { block: "bottleneck", layers: [1, 2, 1, 1], width: 3, numClasses: 5 } }),
  cifar: any({ ...resnet20_cifar, config: { blocks: 2, width: 4, numClasses: 10 } }),
  hybrid: any(
    hybridSpec(
      "hybrid",
      {
        imgSize: [64, 32],
        patchSize: 2,
        embedDim: 24,
        depth: 2,
        numHeads: 3,
        numClasses: 5,
        backbone: (p) => new ResNet(p, { block: "basic", layers: [1, 1, 1], width: 4, numClasses: 0 }),
      },
      resnet18.preprocess,
    ),
  ),
  vit: any({
    ...vit_tiny_patch16_224,
    config: { imgSize: 32, patchSize: 8, embedDim: 24, depth: 2, numHeads: 3, mlpRatio: 4, numClasses: 5 },
  }),
};

const loss = crossEntropy as StepPlan["loss"];
const norm = (values: ArrayLike<number>) => Math.hypot(...Array.from(values));

/** With β₁ = 0 the first moment of AdamW is the gradient itself. */
const gradientProbe = () => adamW({ lr: 1e-3, betas: [0, 0.999] });

/** ‖a − b‖ / ‖b‖, with a floor of 1e-4 of the whole gradient: an attention's key bias has no slope at all. */
function gradientError(actual: Float32Array, expected: Float32Array, total: number): number {
  return norm(expected.map((v, i) => v - (actual[i] as number))) / Math.max(norm(expected), 1e-4 * total);
}

describe("a compiled step equals torch's, in float64", () => {
  const folders = { basic: "resnet", bottleneck: "resnet", cifar: "resnet", hybrid: "vit" } as const;
  test.each(Object.entries(folders))("%s: loss, gradients and running statistics", async (name, folder) => {
    const file = (mode: string) =>
      goldens(new URL(`../../${folder}/src/__goldens__/${name}.${mode}.safetensors`, import.meta.url));
    const golden = file("train");
    const read = (key: string) => golden.tensors.get(key)?.float32() as Float32Array;
    const { image, shape } = golden.metadata as { image: string; shape: string };
    const dims = JSON.parse(shape) as [number, number, number, number];
    const model = loadModel(small[name as keyof typeof folders], file("params").tensors);
    const [batch, ...input] = dims;
    const step = await compileStep({ model, loss, optimizer: gradientProbe() }, { batch, input, engine: "ort" });
    const result = await step.run(fillImage(image, dims), Int32Array.from(read("labels")));
    expect(Math.abs(result.loss - (read("loss")[0] as number))).toBeLessThan(1e-5);
    const { values } = await step.save();
    const trained = [...model.params.named()].filter(([, p]) => p.trainable);
    const total = norm(trained.map(([key]) => norm(read(`grad.${key}`))));
    expect(Math.abs(result.gradNorm / total - 1)).toBeLessThan(1e-4);
    for (const [key, { permute, trainable, variable }] of model.params.named()) {
      if (trainable) {
        const held = values[`exp_avg:${key}`]?.data as Float32Array;
        const ours = permute ? permuteValues(held, variable.shape, invertPermutation(permute)) : held;
        expect(gradientError(ours, read(`grad.${key}`), total), key).toBeLessThan(1e-4);
      } else if (golden.tensors.has(`update.${key}`)) {
        expectClose(values[`param:${key}`]?.data as Float32Array, read(`update.${key}`), 1e-5, key);
      }
    }
    await step.dispose();
    model.dispose();
  });
});

describe("ten compiled steps, each from the eager one's state, equal the eager ones", () => {
  const drops = { dropRate: 0.2, dropPathRate: 0.3 };
  test.each([
    ["basic", [48, 40]],
    ["bottleneck", [40, 40]],
    ["cifar", [16, 16]],
    ["vit", [32, 32]],
    ["hybrid", [64, 32]],
  ] as const)("%s", async (name, [height, width]) => {
    const model = createModel(small[name], { seed: 5, config: { ...drops, ...small[name].config } });
    const plan: StepPlan = { model, loss, optimizer: gradientProbe() };
    const options = { batch: 4, input: [height, width, 3] as const, seed: 9 };
    const eager = await compileStep(plan, { ...options, engine: "tfjs" });
    const compiled = await compileStep(plan, { ...options, engine: "ort" });
    for (let i = 0; i < 10; i++) {
      const images = createRng(i).normal(4 * height * width * 3);
      const labels = Int32Array.of(0, 1, 2, i % 5);
      await compiled.restore(await eager.save());
      const [a, b] = [await compiled.run(images, labels), await eager.run(images, labels)];
      expect(Math.abs(a.loss - b.loss), `loss of step ${i}`).toBeLessThan(1e-5);
      const [ours, theirs] = [(await compiled.save()).values, (await eager.save()).values];
      for (const key of Object.keys(theirs)) {
        const [x, y] = [ours[key]?.data as Float32Array, theirs[key]?.data as Float32Array];
        if (key.startsWith("exp_avg:"))
          expect(gradientError(x, y, b.gradNorm), `${key} of step ${i}`).toBeLessThan(1e-4);
        if (key.includes("running_")) expect(maxRelativeError(x, y), `${key} of step ${i}`).toBeLessThan(1e-5);
      }
    }
    await eager.dispose();
    await compiled.dispose();
    model.dispose();
  });
});

describe("compileStep", () => {
  const make = () => createModel(small.vit, { seed: 1 });
  const images = createRng(1).normal(2 * 32 * 32 * 3);
  const labels = Int32Array.of(0, 3);

  test.each(["ort", "ort-web"] as const)("learns on %s, and pulls what it learned", async (engine) => {
    const model = make();
    const step = await compileStep({ model, loss, optimizer: sgd({ lr: 0.1, momentum: 0.9 }) }, { batch: 2, engine });
    const before = model.params.stateDict().get("head.weight")?.float32();
    const losses: number[] = [];
    for (let i = 0; i < 6; i++) losses.push((await step.run(images, labels)).loss);
    expect(losses.at(-1)).toBeLessThan((losses[0] as number) / 2);
    expect(model.params.stateDict().get("head.weight")?.float32()).toEqual(before);
    await step.pull();
    expect(model.params.stateDict().get("head.weight")?.float32()).not.toEqual(before);
    expect(step.steps).toBe(6);
    await step.dispose();
    model.dispose();
  });

  test("goes on from a saved state as if nothing had happened, and takes new parameters by push", async () => {
    const model = make();
    const plan = { model, loss, optimizer: adamW({ lr: 0.01 }) };
    const [a, b] = [await compileStep(plan, { batch: 2 }), await compileStep(plan, { batch: 2 })];
    await a.run(images, labels);
    const state: StepState = await a.save();
    await b.restore(state);
    expect(await b.run(images, labels)).toEqual(await a.run(images, labels));
    await b.restore(state);
    await a.pull();
    await b.push();
    expect((await b.run(images, labels)).loss).toBeCloseTo((await a.run(images, labels)).loss, 6);
    await expect(b.restore({ steps: 0, values: {} })).rejects.toThrow(/param:.*found nothing/);
    for (const step of [a, b]) await step.dispose();
    model.dispose();
  });

  test("learning rate, clip bound and draws change without compiling again; frozen parameters stay", async () => {
    const model = createModel(small.vit, { seed: 1, config: { dropRate: 0.5 } });
    const frozen = (name: string) => !name.startsWith("head");
    const step = await compileStep({ model, loss, optimizer: sgd({ lr: 0.1 }), frozen }, { batch: 2 });
    const state = await step.save();
    const again = async (settings: Parameters<CompiledStep["run"]>[2]) => {
      await step.restore(state);
      const { loss: value } = await step.run(images, labels, settings);
      return { value, values: (await step.save()).values };
    };
    const head = (s: Awaited<ReturnType<typeof again>>) => s.values["param:head.weight"]?.data as Float32Array;
    const [still, moved, clipped] = [await again({ lr: 0 }), await again({}), await again({ clipNorm: 1e-3 })];
    expect(head(still)).toEqual(state.values["param:head.weight"]?.data);
    const distance = (s: typeof still) => norm(head(s).map((v, i) => v - (head(still)[i] as number)));
    expect(distance(moved)).toBeGreaterThan(0.01);
    expect(distance(clipped)).toBeLessThan(1.01e-4);
    expect((await again({ rng: createRng(1) })).value).not.toBe((await again({ rng: createRng(2) })).value);
    expect((await again({ rng: createRng(1) })).value).toBe((await again({ rng: createRng(1) })).value);
    expect(moved.values["param:cls_token"]).toEqual(state.values["param:cls_token"]);
    await step.dispose();
    model.dispose();
  });

  test("takes soft targets and further inputs of the loss", async () => {
    const model = make();
    const weighted: StepPlan["loss"] = ((logits: never, target: never, { weight }: { weight: Tensor }) =>
      crossEntropy(logits, target, { weight: weight as never })) as never;
    const extras = [{ name: "weight", shape: [5] }];
    const step = await compileStep(
      { model, loss: weighted, optimizer: sgd({ lr: 0 }) },
      { batch: 2, target: { shape: [2, 5], dtype: "float32" }, extras },
    );
    const soft = ones([2, 5]);
    const one = await step.run(images, soft, { extras: { weight: new Float32Array(5).fill(1) } });
    const two = await step.run(images, soft, { extras: { weight: new Float32Array(5).fill(2) } });
    expect(two.loss / one.loss).toBeCloseTo(2, 5);
    await step.dispose();
    model.dispose();
  });

  test("refuses what does not fit, two steps at once, and steps after dispose", async () => {
    const model = make();
    const plan = { model, loss, optimizer: sgd({ lr: 0.1 }) };
    await expect(compileStep(plan, { batch: 0 })).rejects.toThrow("batch: expected 1 or more, found 0");
    await expect(compileStep({ ...plan, frozen: () => true }, { batch: 2 })).rejects.toThrow("nothing to train");
    const step = await compileStep(plan, { batch: 2 });
    await expect(step.run(images.slice(1), labels)).rejects.toThrow(
      /images: expected \[2, 32, 32, 3\], found 6143 values/,
    );
    await expect(step.run(images, Float32Array.of(1, 2))).rejects.toThrow("target: expected type int32, found float32");
    await expect(step.run(images, labels, { lr: Number.NaN })).rejects.toThrow("lr: expected 0 or more, found NaN");
    const first = step.run(images, labels);
    await expect(step.run(images, labels)).rejects.toMatchObject({ code: "busy" });
    await first;
    await step.dispose();
    await expect(step.run(images, labels)).rejects.toMatchObject({ code: "disposed" });
    model.dispose();
  });

  test("a step that is not finite leaves the parameters as they were", async () => {
    const model = make();
    const step = await compileStep({ model, loss, optimizer: adamW({ lr: 0.01 }) }, { batch: 2 });
    const before = await step.save();
    await expect(
      step.run(
        images.map(() => Number.NaN),
        labels,
      ),
    ).rejects.toMatchObject({ code: "not-finite" });
    expect(await step.save()).toEqual(before);
    expect((await step.run(images, labels)).loss).toBeLessThan(10);
    await step.dispose();
    model.dispose();
  });
});
