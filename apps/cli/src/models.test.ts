import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createModel, type ModelSpec, summarize, withStatedArgs } from "@vitrail/layers";
import { useBackend } from "@vitrail/tensor";
import { expect, test } from "vitest";
import { boxFolder, boxModels, boxNamed, checkpointName } from "./box.ts";
import { boxed, COUNTED, rowOf } from "./commands/models.ts";
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

test("the first model in the box is CIFAR-10's ResNet-20, and each goes by its architecture with its tag", () => {
  const [first] = boxModels();
  expect(first).toMatchObject({ id: "@vitrail/weights-cifar10", folder: boxFolder(), name: "resnet20_cifar" });
  expect(boxNamed("resnet20_cifar")).toEqual(first);
  for (const one of boxModels()) expect(boxNamed(checkpointName(one))).toEqual(one);
  expect(boxNamed("resnet50")).toBeUndefined();
});

for (const one of boxModels()) {
  test(`${one.id} says its data, its score and its classes, and its card the same`, async () => {
    const { architecture, checkpoint } = await boxed(one);
    const own = models[architecture] as ModelSpec<unknown, never>;
    expect(own).toBeDefined();
    expect(checkpoint).toMatchObject({ package: one.id, classes: one.config.numClasses, license: "apache-2.0" });
    expect(checkpoint.labels).toHaveLength(one.config.numClasses);
    expect(checkpoint.data).toMatch(/\S/);
    const card = readFileSync(join(one.folder, "MODEL_CARD.md"), "utf8");
    expect(card).toMatch(new RegExp(`10,000 test images \\| \\*\\*${checkpoint.top1?.toFixed(2)} %`));
    // The model has as many values to learn as the file.
    await useBackend("wasm");
    const spec = withStatedArgs(own, one.config);
    const sized = spec.withClasses(spec.config, one.config.numClasses);
    const model = createModel({ ...spec, config: sized }) as Parameters<typeof summarize>[0] & { dispose(): void };
    const [, height, width] = checkpoint.preprocess.inputSize;
    const { params, gmacs } = summarize(model, [height, width, 3]);
    model.dispose();
    expect(checkpoint.params).toBe(params);
    if (checkpoint.gmacs !== null) expect(checkpoint.gmacs).toBeCloseTo(gmacs, 3);
  });
}
