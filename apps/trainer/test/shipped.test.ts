/** What is in the packages against what was written down of it: quick, and without the rest of `npm run trainer -- check`. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createClassifier } from "@vitrail/classify";
import { createSampleReader, openDataset } from "@vitrail/data";
import { describe, expect, test } from "vitest";
import { models } from "../../cli/src/models-table.ts";
import { CHECKED, type Checked } from "../src/check/check.ts";
import { packagedModels } from "../src/packaged.ts";
import { app } from "../src/places.ts";
import type { Report } from "../src/ship/report.ts";

const results = join(app, "results");
const reports = existsSync(results)
  ? readdirSync(results)
      .map((name) => join(results, name, "report.json"))
      .filter((file) => existsSync(file))
      .map((file) => JSON.parse(readFileSync(file, "utf8")) as Report)
  : [];

const checked = existsSync(CHECKED) ? (JSON.parse(readFileSync(CHECKED, "utf8")) as Checked[]) : [];

describe.each(packagedModels().map((model) => ({ id: model.id, model })))("$id", ({ model }) => {
  const report = reports.find(({ measured }) => measured.sha256 === model.sha256);
  const unknown = report ? "" : " (skipped: no report in apps/trainer/results is of these weights)";
  const absent = existsSync(model.set.folder) ? "" : ` (skipped without the pictures of ${model.set.title})`;

  test.skipIf(!report)(`its card and its config.json say what was measured${unknown}`, () => {
    const { measured, data } = report as Report;
    const { chosen, scores } = measured.open_set;
    expect(data).toBe(model.set.name);
    expect(measured.model).toBe(model.config.architecture);
    expect(model.stated.images).toBe(measured.test.images);
    expect(model.stated.top1).toBeCloseTo(measured.test.top1, 6);
    expect(model.config.openSet).toEqual({ score: chosen, threshold: scores[chosen].threshold, temperature: 1 });
    expect(Object.keys(measured.test.per_class)).toEqual(model.config.labels);
  });

  test("was held against its card on every engine, and in eight bits (npm run trainer -- check)", () => {
    const found = checked.find((one) => one.model === model.id);
    expect([found?.sha256, found?.stated]).toEqual([model.sha256, model.stated]);
    const ways = found?.rows.map(({ way, holds }) => [way, holds]);
    for (const way of ["ort", "ort-web", "tfjs (wasm)", "tfjs (tfjs-node)", "ort, int8"]) {
      expect(ways).toContainEqual([way, true]);
    }
  });

  test.skipIf(!report || absent !== "")(
    `its answers to the first test pictures are those that were written down${unknown}${absent}`,
    async () => {
      const expected = (report as Report).measured.first_answers.split(" ").map(Number);
      const dataset = await openDataset(model.set.folder, { classes: model.config.labels });
      const split = dataset.splits.get("test");
      if (!split) throw new Error(`${model.set.folder}: no split test`);
      const reader = createSampleReader();
      const pictures = await Promise.all(expected.map(async (_, i) => reader.image(await split.source(i))));
      const classifier = await createClassifier({ models, weights: model.folder, threads: 0 });
      const found = await classifier.classify(pictures, { top: 1, batchSize: 50 });
      expect(found.map(([best]) => best?.index)).toEqual(expected);
      await classifier.dispose();
      await reader.dispose();
      await dataset.dispose();
    },
  );
});
