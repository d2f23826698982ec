import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createModel } from "@vitrail/layers";
import { resnet20_cifar } from "@vitrail/resnet";
import { useBackend } from "@vitrail/tensor";
import { classifierMetrics } from "@vitrail/train";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { openPictures } from "../../cli/src/train/pictures.ts";
import { plant, twoColours } from "../../cli/test/coloured.ts";
import { writeLog } from "../src/keep.ts";
import { type Obtained, openRecipe, withEntry } from "../src/recipe-file.ts";
import { readRun } from "../src/run-folder.ts";
import { type Answers, answersOf } from "../src/ship/answers.ts";
import { cardOf, type PackagedConfig } from "../src/ship/card.ts";
import { dataSetOf } from "../src/ship/data-sets.ts";
import type { Measured } from "../src/ship/measure.ts";
import { openSetOf, quantile } from "../src/ship/open-set.ts";
import { runReport } from "../src/ship/report.ts";
import { openHeldOut, openSource } from "../src/ship/source.ts";
import { targetOf } from "../src/ship/target.ts";

const entry: Obtained = {
  score: 0.75,
  of: "4 test pictures",
  validation: 0.5,
  epochs: "2 of 2",
  time: "3 s",
  seed: 7,
  commit: "0123abc",
  engine: "ort (cpu)",
  cores: 2,
  options: "--seed 7",
};

let work = "";
/** A run of some pictures as `vitrail train` leaves it, as far as it is looked at. */
beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), "vitrail-trainer-"));
  plant(join(work, "pictures"), twoColours({ train: 12, val: 4 }));
  const recipe = { model: "resnet20_cifar", weights: "none", epochs: 2, seed: 7, val_fraction: 0.25, limit: 16 };
  const had = await divided(7);
  const epoch = (n: number, top1: number, best: boolean) => {
    const train = { loss: 1 / n, top1, gradNorm: 1 };
    return { epoch: n - 1, updates: 4 * n, lr: 0.1, train, validation: { loss: 1, top1, top5: 1 }, best };
  };
  plant(work, {
    "recipe.yaml": "title: two colours\ndata: pictures\n\nmodel: resnet20_cifar\nkd_weights: runs/teacher\n",
    "run/args.yaml": stringify({
      recipe: { ...recipe, kd_weights: join(work, "teacher") },
      pictures: { ...had, left_out: { train: [], val: [] } },
    }),
    "teacher/args.yaml": stringify({ recipe: { ...recipe, model: "vit", weights: "/hub/vit.tag" } }),
    "run/environment.json": JSON.stringify([{}, { kd_weights: join(work, "teacher") }]),
    "run/config.json": JSON.stringify({ architecture: "resnet20_cifar" }),
    "run/metrics.jsonl": [epoch(1, 0.25, true), epoch(2, 0.5, true)].map((one) => `${JSON.stringify(one)}\n`).join(""),
    "run/evaluation.json": JSON.stringify({ images: 6, top1: 0.5 }),
  });
});
afterAll(() => rmSync(work, { recursive: true }));

async function divided(seed: number) {
  const options = { data: join(work, "pictures"), val: "0.25", limit: 16, seed, onBad: "skip", onNote() {} } as const;
  const pictures = await openPictures(options);
  await pictures.dispose();
  return pictures.identity;
}

describe("a run's recipe", () => {
  test("gets what came of the run as its last entry, and stays as it was", () => {
    const text = "# mine\nlr: 0.1 # as the paper\n";
    const once = withEntry(text, entry, "recipe.yaml");
    expect(once.startsWith(`${text}\nobtained:\n  - score: 0.75\n`)).toBe(true);
    expect(withEntry(once, { ...entry, seed: 8 }, "recipe.yaml")).toContain("\n    seed: 7\n");
    expect(() => withEntry(`${once}epochs: 2\n`, entry, "recipe.yaml")).toThrow(
      'recipe.yaml: "obtained" must be its last key, found epochs after it',
    );
  });

  test("says which run is meant: one of the same seed and score, without places of this machine", () => {
    const file = join(work, "recipe.yaml");
    expect(() => openSource(openRecipe(file), join(work, "run"))).toThrow(
      /no entry of "obtained" is of the run in .* \(seed 7, validation 0.5\); found none/,
    );
    const told = withEntry(readFileSync(file, "utf8"), { ...entry, validation: 0.4 }, file);
    writeFileSync(join(work, "told.yaml"), withEntry(told, entry, file));
    const source = openSource(openRecipe(join(work, "told.yaml")), join(work, "run"));
    expect(source.obtained).toEqual(entry);
    expect(source.settings).toMatchObject({ weights: "none", kd_weights: "runs/teacher" });
    expect(source.models).toEqual({ kd_weights: "vit from vit.tag" });
    expect(runReport(source, 12)).toMatchObject({ command: "npm run trainer -- told --seed 7", trained_on: 12 });
    expect(() => openRecipe("nothing")).toThrow(/expected a recipe .* found nothing/);
  });

  test("keeps the log and the curves of the run, the same bytes each time", () => {
    const run = readRun(join(work, "run"));
    for (const name of ["a", "b"]) writeLog(run, join(work, name));
    for (const file of ["metrics.jsonl", "accuracy.svg", "loss.svg"]) {
      expect(readFileSync(join(work, "a", file))).toEqual(readFileSync(join(work, "b", file)));
    }
    expect(readFileSync(join(work, "a/metrics.jsonl"), "utf8")).toBe(
      readFileSync(join(work, "run/metrics.jsonl"), "utf8"),
    );
  });
});

describe("where weights go", () => {
  const plantPackage = (name: string, own: string, exported: readonly string[]) => {
    const exports = Object.fromEntries(exported.map((file) => [`./${file}`, `./${file}`]));
    const files = ["config.json", "model.safetensors", "MODEL_CARD.md", "vit"];
    plant(work, { [`${own}/package.json`]: JSON.stringify({ name, exports, files }) });
    return join(work, own);
  };

  test("is a weights package, or a folder in one", () => {
    const paths = ["config.json", "model.safetensors"].flatMap((file) => [file, `vit/${file}`]);
    const folder = plantPackage("@vitrail/weights-cifar10", "good", paths);
    expect(targetOf(folder)).toMatchObject({ folder, id: "@vitrail/weights-cifar10", set: { title: "CIFAR-10" } });
    expect(targetOf(join(folder, "vit"))).toMatchObject({ id: "@vitrail/weights-cifar10/vit" });
    expect(() => targetOf(join(folder, "a/b"))).toThrow("a folder directly in one, found a/b");
  });

  test("must let others read them", () => {
    const folder = plantPackage("@vitrail/weights-fashion-mnist", "closed", ["config.json"]);
    expect(() => targetOf(folder)).toThrow(
      /expected "exports" with .*"\.\/model\.safetensors".*; missing: model\.safetensors$/,
    );
    expect(() => targetOf(join(folder, "hybrid"))).toThrow(/"files" with "hybrid"; missing: hybrid\/config\.json/);
  });
});

describe("the pictures that a run held out", () => {
  test("are the very same ones again", async () => {
    const held = await openHeldOut(readRun(join(work, "run")), join(work, "pictures"));
    expect([held.split.length, held.trained, held.classes]).toEqual([6, 16, ["blue", "red"]]);
    await held.dispose();
  });

  test("are refused where the data are others", async () => {
    const other = plant(join(work, "others"), twoColours({ train: 13, val: 4 }));
    await expect(openHeldOut(readRun(join(work, "run")), other)).rejects.toThrow(/these are not the pictures of .*run/);
  });

  test("are answered in stored order, by the model's own preprocessing", async () => {
    await useBackend("wasm");
    const model = createModel(resnet20_cifar, { config: { blocks: 1, width: 4, numClasses: 2 } });
    const held = await openHeldOut(readRun(join(work, "run")), join(work, "pictures"));
    const { preprocess } = resnet20_cifar;
    const found = await answersOf({ model, preprocess, engine: { engine: "tfjs" }, threads: 0 }, held.split);
    expect(found.labels).toEqual(Array.from({ length: 6 }, (_, i) => held.split.label(i)));
    expect([found.logits.length, found.classes]).toEqual([12, 2]);
    await held.dispose();
    model.dispose();
  });
});

const answers = (...rows: number[][]): Answers => ({
  logits: Float32Array.from(rows.flat()),
  labels: rows.map(() => 0),
  classes: 2,
  engine: "ort (cpu)",
});

describe("the open-set threshold", () => {
  test("is a quantile between values in proportion, as numpy's", () => {
    expect(quantile([3, 1, 2, 4], 0.05)).toBeCloseTo(1.15, 12);
    expect(quantile([7], 0.05)).toBe(7);
    expect(() => quantile([], 0.5)).toThrow("found none");
  });

  test("has one in twenty of the held-out pictures below it, and strangers are told by it", () => {
    const held = answers(...Array.from({ length: 101 }, (_, i) => [i, -50]));
    const strangers = { near: answers([2, -50], [10, -50]), far: answers([-9, -50]) };
    const report = openSetOf(held, answers([4, -50], [60, -50]), strangers);
    expect(report.chosen).toBe("energy"); // where the other is no better
    expect(report.scores.max_logit).toEqual({
      threshold: 5,
      test_below: 0.5,
      strangers: {
        near: { images: 2, auroc: 0.75, called_none: 0.5 },
        far: { images: 1, auroc: 1, called_none: 1 },
      },
    });
  });
});

test("a card states what is measured, where other programs look for it", () => {
  const metrics = classifierMetrics({ classes: 10 });
  metrics.add(new Float32Array(20).fill(1, 0, 1).fill(1, 11, 12), [0, 0]);
  const open = {
    threshold: 4.5,
    test_below: 0.04,
    strangers: { photos: { images: 149, auroc: 0.861, called_none: 0.3 } },
  };
  const measured = {
    model: "resnet20_cifar",
    bytes: 550_284,
    parameters: 269_722,
    gmacs: 0.0409,
    engine: "ort (cpu)",
    test: { per_class: Object.fromEntries(Array.from({ length: 10 }, (_, k) => [String(k), { images: 1, right: 1 }])) },
    held_out: { images: 1000, top1: 0.847 },
    temperature: { value: 1.31, test_ece: 0.012 },
    open_set: { chosen: "energy", scores: { energy: open, max_logit: open } },
  } as unknown as Measured;
  const config: PackagedConfig = {
    architecture: "resnet20_cifar",
    label_names: Array.from({ length: 10 }, (_, k) => `class ${k}`),
    pretrained_cfg: {
      tag: "vitrail_cifar10",
      input_size: [3, 32, 32],
      interpolation: "bicubic",
      crop_pct: 1,
      mean: [0.5],
      std: [0.2],
    },
  };
  const run = {
    recipe: "r",
    command: "c",
    settings: { weights: "none", lr: 0.1 },
    models: {},
    trained_on: 49_000,
    ...entry,
  };
  const cardOfRun = (of: typeof run) =>
    cardOf({
      set: dataSetOf("@vitrail/weights-cifar10"),
      report: { data: "cifar10", measured, run: of },
      test: metrics.report(),
      config,
      weights: "@vitrail/weights-cifar10",
      titles: { photos: "ImageNet photos of other things" },
    });
  const card = cardOfRun(run);
  for (const line of [
    "| top-1 on the 2 test images | **50.00 %** (95 % interval 9.45 to 90.55, Wilson) |",
    "| top-1 on the 1,000 training images held out, which chose the epoch | 84.70 % |",
    "| calibration error, logits divided by 1.31 (fitted on the held-out images) | 1.20 % |",
    "| open-set threshold (energy) | 4.5 (5 % of the held-out images fall below; 4.0 % of the test images do) |",
    "| AUROC, test images against 149 ImageNet photos of other things | 0.861; 30 % of these are called none of the ten |",
    "| parameters | 269,722 |",
    "Weights: Apache-2.0, trained by this project from random initialisation; no other weights were used.",
    "npx vitrail classify photo.jpg --weights @vitrail/weights-cifar10",
  ]) {
    expect(card.split("\n")).toContain(line);
  }
  const settings = { ...run.settings, backbone_weights: "none", kd_weights: "runs/teacher" };
  expect(cardOfRun({ ...run, settings, models: { kd_weights: "vit from vit.tag" } })).toContain(
    "trained by this project from random initialisation; its teacher was runs/teacher (a vit from vit.tag).",
  );
  const again = { ...run.settings, weights: "runs/first" };
  expect(cardOfRun({ ...run, settings: again, models: { weights: "resnet20_cifar" } })).toContain(
    "trained by this project from runs/first (a resnet20_cifar); no other weights were used.",
  );
  // the first paper that a card names is that of the network
  expect(/https:\/\/arxiv\.org\/abs\/[\d.]*\d/.exec(card)?.[0]).toBe("https://arxiv.org/abs/1512.03385");
  expect(card).not.toMatch(/undefined|NaN|\/work\//);
  expect(() => dataSetOf("@vitrail/weights-pets")).toThrow(/expected a weights package of a known data set/);
});
