/** Training steps with blocked convolutions: as they are chosen here, without, and where the session does not open. */
import { createModel } from "@vitrail/layers";
import { resnet20_cifar } from "@vitrail/resnet";
import { createRng, fill, tidy, useBackend } from "@vitrail/tensor";
import { crossEntropy, sgd } from "@vitrail/train";
import { afterEach, beforeAll, expect, test, vi } from "vitest";
import type { Graph } from "./ir.ts";
import type { blockConvolutions } from "./passes/blocked.ts";
import { BLOCKED_DOMAIN } from "./passes/blocked-forms.ts";
import { type CompiledStep, compileStep, type StepOptions } from "./step.ts";
import type { StepPlan } from "./step-function.ts";

const pass = vi.hoisted(() => ({ blocks: 0, change: (graph: Graph): Graph => graph }));
const forced = vi.hoisted(() => ({ size: undefined as number | undefined }));

vi.mock("./passes/blocked.ts", async (original) => {
  const real = await original<{ blockConvolutions: typeof blockConvolutions }>();
  return {
    ...real,
    blockConvolutions: (graph: Graph, size: number) => {
      const made = real.blockConvolutions(graph, size);
      const blocks = made.nodes.filter(({ op, domain }) => op === "Conv" && domain === BLOCKED_DOMAIN).length;
      pass.blocks = Math.max(pass.blocks, blocks);
      return size > 1 ? pass.change(made) : made;
    },
  };
});

vi.mock("./runtime/block-size.ts", async (original) => {
  const real = await original<typeof import("./runtime/block-size.ts")>();
  return {
    ...real,
    blockSize: async (...args: Parameters<typeof real.blockSize>) => forced.size ?? real.blockSize(...args),
  };
});

beforeAll(async () => {
  await useBackend("wasm");
});
afterEach(() => {
  forced.size = undefined;
  pass.change = (graph) => graph;
  pass.blocks = 0;
});

const loss = crossEntropy as StepPlan["loss"];
const STEPS = 10;
const batchOf = (size: number) => ({
  images: createRng(2).normal(size * 20 * 12 * 3),
  labels: Int32Array.from({ length: size }, (_, i) => (i * 7) % 10),
});
const ODD = 5; // no multiple of any block
const norm = (values: ArrayLike<number>) => Math.hypot(...Array.from(values));

/** Shifts so large that no ReLU turns at a value near zero, where a rounding would change a slope altogether. */
function make() {
  const model = createModel(resnet20_cifar, { seed: 3, config: { blocks: 1 } });
  for (const [name, { variable }] of model.params.named()) {
    if (/bn\d\.bias$/.test(name)) variable.assign(tidy(() => fill(variable.shape, 6)));
  }
  return model;
}
const compiled = (options: Partial<StepOptions> = {}) =>
  compileStep({ model: make(), loss, optimizer: sgd({ lr: 1e-3, momentum: 0.9 }) } as StepPlan, {
    batch: ODD,
    input: [20, 12, 3],
    engine: "ort",
    ...options,
  });

test.each([ODD, 32])(
  "ten steps of batch %d, each from one state, are those of plain convolutions and of eager tfjs",
  async (batch) => {
    const { images, labels } = batchOf(batch);
    const chosen = await compiled({ batch });
    forced.size = 1;
    const steps = [chosen, await compiled({ batch }), await compiled({ batch, engine: "tfjs" })];
    let state = await chosen.save();
    for (let i = 0; i < STEPS; i++) {
      const after = [];
      for (const step of steps) {
        await step.restore(state);
        const { loss: value } = await step.run(images, labels);
        after.push({ value, state: await step.save() });
      }
      const [ours, plain, eager] = after as [(typeof after)[0], (typeof after)[0], (typeof after)[0]];
      for (const other of [plain, eager]) {
        expect(Math.abs(ours.value - other.value)).toBeLessThan(1e-5);
        const slopes = Object.entries(other.state.values).filter(([name]) => name.startsWith("momentum_buffer:"));
        const total = norm(slopes.map(([, { data }]) => norm(data)));
        for (const [name, { data }] of slopes) {
          const found = ours.state.values[name]?.data as Float32Array;
          const difference = norm(found.map((v, k) => v - (data[k] as number)));
          // A shift in front of a linear map and its mean has no slope at all.
          expect(difference / Math.max(norm(data), 0.01 * total), name).toBeLessThan(1e-4);
        }
      }
      state = ours.state;
    }
    for (const step of steps) await step.dispose();
  },
);

test("two runs give the same bits, and so does one that was interrupted", async () => {
  const { images, labels } = batchOf(16);
  const run = async (step: CompiledStep, times: number) => {
    for (let i = 0; i < times; i++) await step.run(images, labels);
    return step.save();
  };
  const [a, b, c] = [await compiled({ batch: 16 }), await compiled({ batch: 16 }), await compiled({ batch: 16 })];
  const whole = await run(a, STEPS);
  await c.restore(await run(b, 4));
  expect(await run(c, STEPS - 4)).toEqual(whole);
  for (const step of [a, b, c]) await step.dispose();
});

test("a session that does not open with blocks opens without", async () => {
  forced.size = 16;
  pass.change = (graph) => {
    const { value } = graph.outputs[0] as Graph["outputs"][0];
    const port = { name: "nothing", value: graph.add("NoSuchOp", [value], {}, value.shape, "float32", BLOCKED_DOMAIN) };
    graph.outputs = [...graph.outputs, port];
    return graph;
  };
  const step = await compiled();
  expect(pass.blocks).toBeGreaterThan(0);
  expect([step.report.engine, step.report.provider]).toEqual(["ort", "cpu"]);
  const { images, labels } = batchOf(ODD);
  expect((await step.run(images, labels)).loss).toBeGreaterThan(0);
  await step.dispose();
});

test("onnxruntime-web is not asked for blocks", async () => {
  const step = await compiled({ engine: "ort-web", threads: 1 });
  expect(pass.blocks).toBe(0);
  await step.dispose();
});
