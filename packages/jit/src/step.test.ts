import { expectClose } from "@repo/testing";
import { createModel, initParams } from "@vitrail/layers";
import { conv2d, createRng, mean, ones, type Tensor, type Tensor4D, tensor4d, tidy, useBackend } from "@vitrail/tensor";
import { adamW, crossEntropy, sgd, withEma } from "@vitrail/train";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { Client } from "./runtime/client.ts";
import { type CompiledStep, compileStep, type StepState } from "./step.ts";
import type { StepPlan } from "./step-function.ts";
import { smallNetworks } from "./testing.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

const loss = crossEntropy as StepPlan["loss"];
const small = smallNetworks();
const norm = (values: ArrayLike<number>) => Math.hypot(...Array.from(values));

describe("compileStep", () => {
  const make = () => createModel(small.vit, { seed: 1 });
  const images = createRng(1).normal(2 * 32 * 24 * 3);
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

  test("answers what the model said before the update, and leaves frozen statistics alone", async () => {
    const model = createModel(small.cifar, { seed: 1 });
    const pictures = createRng(1).normal(2 * 32 * 32 * 3);
    const eager = tidy(() => model.forward(tensor4d(pictures, [2, 32, 32, 3])).dataSync());
    const frozen = (name: string) => !name.startsWith("fc");
    const statistics = async (plan: StepPlan) => {
      const step = await compileStep(plan, { batch: 2, input: [32, 32, 3] });
      const before = (await step.save()).values["param:bn1.running_mean"]?.data;
      const { logits } = await step.run(pictures, labels);
      const after = (await step.save()).values["param:bn1.running_mean"]?.data;
      await step.dispose();
      return { logits, before, after };
    };
    const plan = { model, loss, optimizer: sgd({ lr: 0.1 }) };
    const fixed = await statistics({ ...plan, frozen });
    expectClose(fixed.logits, eager, 1e-5); // BatchNorm normalises as in inference
    expect(fixed.after).toEqual(fixed.before);
    const free = await statistics(plan);
    expect(free.after).not.toEqual(free.before);
    model.dispose();
  });

  test("averages parameters and running statistics alike", async () => {
    const model = createModel(small.cifar, { seed: 1 });
    const pictures = createRng(1).normal(2 * 32 * 32 * 3);
    const optimizer = withEma(sgd({ lr: 0.1 }), { decay: 0.75 });
    const step = await compileStep({ model, loss, optimizer }, { batch: 2, input: [32, 32, 3] });
    const read = async (name: string) => (await step.save()).values[name]?.data as Float32Array;
    for (const name of ["fc.weight", "bn1.running_mean"]) {
      await step.run(pictures, labels);
      const start = await read(`ema:${name}`);
      await step.run(pictures, labels);
      const now = await read(`param:${name}`);
      const expected = start.map((e, i) => e + 0.25 * ((now[i] as number) - e));
      expectClose(await read(`ema:${name}`), expected, 1e-6);
    }
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
      /images: expected \[2, 32, 24, 3\], found 4607 values/,
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

  test("sums the gradients of several batches to one update, as one large batch would", async () => {
    const model = make();
    const plan = { model, loss, optimizer: adamW({ lr: 0.01 }) };
    const parts = await compileStep(plan, { batch: 2, accumulate: true });
    const whole = await compileStep(plan, { batch: 4 });
    const eager = await compileStep(plan, { batch: 2, accumulate: true, engine: "tfjs" });
    const more = createRng(2).normal(images.length);
    const all = [Float32Array.of(...images, ...more), Int32Array.of(0, 3, 1, 2)] as const;
    const before = await parts.save();
    for (const step of [parts, eager]) {
      await step.run(images, labels, { part: { index: 0, count: 2 } });
      expect(step.steps).toBe(0);
    }
    const between = await parts.save();
    expect(between.values["param:head.weight"]).toEqual(before.values["param:head.weight"]);
    const last = { part: { index: 1, count: 2 } };
    const result = await parts.run(more, Int32Array.of(1, 2), last);
    await eager.run(more, Int32Array.of(1, 2), last);
    const one = await whole.run(...all);
    expect(parts.steps).toBe(1);
    expect(Math.abs(result.gradNorm / one.gradNorm - 1)).toBeLessThan(1e-5);
    const [a, b, c] = await Promise.all([parts, whole, eager].map(async (step) => (await step.save()).values));
    for (const key of ["exp_avg:head.weight", "exp_avg:blocks.0.mlp.fc1.weight"]) {
      expectClose(a?.[key]?.data as Float32Array, b?.[key]?.data as Float32Array, 1e-5, key);
      expectClose(c?.[key]?.data as Float32Array, b?.[key]?.data as Float32Array, 1e-5, key);
    }
    await expect(whole.run(...all, last)).rejects.toThrow("part: the step was compiled without accumulate: true");
    await expect(parts.run(images, labels, { part: { index: 2, count: 2 } })).rejects.toThrow(
      "below count, found 2 of 2",
    );
    for (const step of [parts, whole, eager]) await step.dispose();
    model.dispose();
  });

  test("a group of parameters is frozen and thawed by its learning rate, without compiling again", async () => {
    const model = make();
    const groupOf = (name: string) => ({ head: name.startsWith("head") });
    const step = await compileStep(
      { model, loss, optimizer: sgd({ lr: 0.1, groupOf: groupOf as never }) },
      { batch: 2 },
    );
    const before = await step.save();
    const onlyHead = (group: object) => ((group as { head: boolean }).head ? 0.1 : 0);
    await step.run(images, labels, { groupLr: onlyHead });
    const first = await step.save();
    expect(first.values["param:cls_token"]).toEqual(before.values["param:cls_token"]);
    expect(first.values["param:head.weight"]).not.toEqual(before.values["param:head.weight"]);
    await step.run(images, labels);
    expect((await step.save()).values["param:cls_token"]).not.toEqual(before.values["param:cls_token"]);
    await step.dispose();
    model.dispose();
  });

  test("draws what eager mode draws, dropout and stochastic depth alike", async () => {
    const rates = { dropRate: 0.3, dropPathRate: 0.4 };
    const model = createModel(small.vit, { seed: 1, config: { ...small.vit.config, ...rates } });
    const plan: StepPlan = { model, loss, optimizer: sgd({ lr: 0.05 }) };
    const [eager, compiled] = [
      await compileStep(plan, { batch: 2, seed: 7, engine: "tfjs" }),
      await compileStep(plan, { batch: 2, seed: 7 }),
    ];
    const losses: number[] = [];
    for (let i = 0; i < 3; i++) {
      const [a, b] = [await eager.run(images, labels), await compiled.run(images, labels)];
      expect(Math.abs(a.loss - b.loss)).toBeLessThan(1e-5);
      expect(Math.abs(a.gradNorm / b.gradNorm - 1)).toBeLessThan(1e-4);
      losses.push(a.loss);
    }
    const other = await compileStep(plan, { batch: 2, seed: 8 });
    expect(Math.abs((await other.run(images, labels)).loss - (losses[0] as number))).toBeGreaterThan(1e-4);
    for (const step of [eager, compiled, other]) await step.dispose();
    model.dispose();
  });

  test("a worker that ends is an error of the step under way and of those that follow", async () => {
    const requests = vi.spyOn(Client.prototype, "request");
    const model = make();
    const step = await compileStep({ model, loss, optimizer: sgd({ lr: 0.1 }) }, { batch: 2 });
    const [client] = requests.mock.contexts as Client[];
    requests.mockRestore();
    const running = step.run(images, labels);
    await client?.thread.terminate();
    await expect(running).rejects.toMatchObject({ code: "worker-crashed" });
    await expect(step.run(images, labels)).rejects.toMatchObject({ code: "worker-crashed" });
    await step.dispose();
    model.dispose();
  });

  test("a dilated convolution has no gradient: the step is refused with the op's name", async () => {
    const params = initParams(0);
    const weight = params.get("weight", [4, 3, 3, 3], {
      init: (shape) => new Float32Array(shape.reduce((n, d) => n * d)).fill(0.1),
      permute: [2, 3, 1, 0],
    });
    const model = {
      params,
      forward: (x: Tensor4D) => mean(conv2d(x, weight as Tensor as Tensor4D, 1, "valid", "NHWC", 2) as Tensor, [1, 2]),
    };
    const compiling = compileStep({ model, loss, optimizer: sgd({ lr: 0.1 }) }, { batch: 2, input: [12, 12, 3] });
    await expect(compiling).rejects.toThrow("dilation rates greater than 1 are not yet supported");
    params.dispose();
  });
});
