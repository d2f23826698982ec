import { readFileSync } from "node:fs";
import { createModel, type ModelSpec, summarize } from "@vitrail/layers";
import { useBackend } from "@vitrail/tensor";
import { expect, test } from "vitest";
import { BOX, COUNTED, rowOf } from "./commands/models.ts";
import { models } from "./models-table.ts";

const names = Object.keys(models);

test("every model has its parameters and its work stated", () => {
  for (const name of names) {
    const { params, gmacs, input } = rowOf(name);
    expect([name, typeof params, typeof gmacs, input.length]).toEqual([name, "number", "number", 3]);
  }
});

test("the table's own counts are what the models have", async () => {
  await useBackend("wasm");
  for (const [name, [params, gmacs]] of Object.entries(COUNTED)) {
    if (params > 1e8) continue; // minutes of initialisation; it was counted once
    const spec = models[name] as ModelSpec<unknown, never>;
    const model = createModel(spec) as Parameters<typeof summarize>[0] & { dispose(): void };
    const [, height, width] = spec.preprocess.inputSize;
    const found = summarize(model, [height, width, 3]);
    expect([name, found.params]).toEqual([name, params]);
    expect(found.gmacs).toBeCloseTo(gmacs, 3);
    model.dispose();
  }
});

test("the score of the model in the box is the one of its card", () => {
  const card = readFileSync(new URL("../../../packages/weights-cifar10/MODEL_CARD.md", import.meta.url), "utf8");
  expect(card).toMatch(new RegExp(`10,000 test images \\| \\*\\*${BOX.top1?.toFixed(2)} %`));
});
