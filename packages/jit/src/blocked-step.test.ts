/** Training steps with blocked convolutions: as they are chosen here, without, and where the session does not open. */
import { createModel } from "@vitrail/layers";
import { resnet20_cifar } from "@vitrail/resnet";
import { createRng, useBackend } from "@vitrail/tensor";
import { crossEntropy, sgd } from "@vitrail/train";
import { afterEach, beforeAll, expect, test, vi } from "vitest";
import type { Graph } from "./ir.ts";
import { BLOCKED_DOMAIN, type blockConvolutions } from "./passes/blocked.ts";
import { type CompiledStep, compileStep, type StepOptions } from "./step.ts";
import type { StepPlan } from "./step-function.ts";

const pass = vi.hoisted(() => ({ blocks: 0, change: (graph: Graph): Graph => graph }));
const forced = vi.hoisted(() => ({ size: undefined as number | undefined }));

vi.mock("./passes/blocked.ts", async (original) => {
  const real = await original<{ blockConvolutions: typeof blockConvolutions; BLOCKED_DOMAIN: string }>();
  return {
    ...real,
    blockConvolutions: (graph: Graph, size: number) => {
      const made = real.blockConvolutions(graph, size);
      pass.blocks = made.nodes.filter(({ op, domain }) => op === "Conv" && domain === real.BLOCKED_DOMAIN).length;
      return pass.change(made);
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
const BATCH = 5; // no multiple of any block
const images = createRng(2).normal(BATCH * 20 * 12 * 3);
const labels = Int32Array.of(0, 3, 7, 9, 3);
const norm = (values: ArrayLike<number>) => Math.hypot(...Array.from(values));

const make = () => createModel(resnet20_cifar, { seed: 3, config: { blocks: 1 } });
const compiled = (options: Partial<StepOptions> = {}) =>
  compileStep({ model: make(), loss, optimizer: sgd({ lr: 0.05, momentum: 0.9 }) } as StepPlan, {
    batch: BATCH,
    input: [20, 12, 3],
    engine: "ort",
    ...options,
  });

async function tenSteps(step: CompiledStep) {
  const losses: number[] = [];
  for (let i = 0; i < STEPS; i++) losses.push((await step.run(images, labels)).loss);
  return { losses, state: await step.save() };
}

test("ten steps, each from one state, are those of plain convolutions and of eager tfjs", async () => {
  const chosen = await compiled();
  const { blocks } = pass;
  forced.size = 1;
  const steps = [chosen, await compiled(), await compiled({ engine: "tfjs" })];
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
      for (const [name, { data }] of Object.entries(other.state.values)) {
        if (!name.startsWith("momentum_buffer:")) continue;
        const found = ours.state.values[name]?.data as Float32Array;
        expect(norm(found.map((v, k) => v - (data[k] as number))) / norm(data), name).toBeLessThan(1e-4);
      }
    }
    state = ours.state;
  }
  // Seven filters, one of an image; three of them read again for the gradient without a stride.
  if (blocks > 0) expect(blocks).toBe(10);
  for (const step of steps) await step.dispose();
});

test("two runs give the same bits, and so does one that was interrupted", async () => {
  const [a, b, c] = [await compiled(), await compiled(), await compiled()];
  const first = await tenSteps(a);
  for (let i = 0; i < 4; i++) await b.run(images, labels);
  await c.restore(await b.save());
  for (let i = 4; i < STEPS; i++) await c.run(images, labels);
  expect(await c.save()).toEqual(first.state);
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
  expect((await step.run(images, labels)).loss).toBeGreaterThan(0);
  await step.dispose();
});

test("onnxruntime-web is not asked for blocks", async () => {
  const step = await compiled({ engine: "ort-web", threads: 1 });
  expect(pass.blocks).toBe(0);
  await step.dispose();
});
