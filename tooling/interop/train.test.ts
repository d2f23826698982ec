import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { classifierMetrics, modelCard, openEventFile } from "@vitrail/train";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { findPython, record, trainPy } from "./python.ts";

const python = findPython("tensorboard, huggingface_hub");

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "vitrail-train-"));
});
const passed: string[] = [];
afterEach(({ task }) => {
  if (task.result?.state !== "fail") passed.push(task.name);
});
afterAll(async () => {
  if (python) record("train", await trainPy(python, "version"), passed);
  rmSync(folder, { recursive: true });
});

const py = (...args: string[]) => trainPy(python as string, ...args);

/** A run of so many steps, in a folder of its own. */
function events(name: string, steps: number): string {
  mkdirSync(join(folder, name));
  const path = join(folder, name, "events.out.tfevents.vitrail");
  const file = openEventFile(path);
  file.append({ step: 0, texts: { args: "`lr: 0.1`" } });
  for (let step = 1; step <= steps; step++) file.append({ step, scalars: { "loss/train": 1 / step, lr: 0.5 } });
  file.close();
  return path;
}

describe.skipIf(!python)("TensorBoard (skipped without Python's tensorboard and huggingface_hub)", () => {
  test("reads scalars, text and pictures", async () => {
    const path = events("whole", 3);
    const file = openEventFile(path);
    const pixel = Buffer.from(
      "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAblu9NQAAAABJRU5ErkJggg==",
      "base64",
    );
    file.append({ step: 3, images: { "wrongest/0": { width: 1, height: 1, bytes: pixel } } });
    file.close();
    expect(await py("events", join(folder, "whole"))).toEqual({
      scalars: {
        "loss/train": [
          [1, 1],
          [2, 0.5],
          [3, Math.fround(1 / 3)],
        ],
        lr: [
          [1, 0.5],
          [2, 0.5],
          [3, 0.5],
        ],
      },
      texts: { "args/text_summary": [[0, "`lr: 0.1`"]] },
      images: { "wrongest/0": [[3, 1, 1]] },
      version: 2,
    });
  });

  test("reads on after a torn end and a step back as if nothing had been", async () => {
    const path = events("torn", 6);
    truncateSync(path, readFileSync(path).length - 5);
    const file = openEventFile(path, { lastStep: 4 });
    for (const step of [5, 6]) file.append({ step, scalars: { "loss/train": 0 } });
    file.close();
    const { scalars } = (await py("events", join(folder, "torn"))) as { scalars: Record<string, [number, number][]> };
    expect(scalars["loss/train"]?.map(([step]) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(scalars["loss/train"]?.slice(-2).map(([, value]) => value)).toEqual([0, 0]);
  });
});

describe.skipIf(!python)("a model card (skipped without Python's tensorboard and huggingface_hub)", () => {
  test("is one to huggingface_hub, its results too", async () => {
    const metrics = classifierMetrics({ classes: 2 });
    metrics.add(Float32Array.of(1, 0, 0, 1, 1, 0, 1, 0), [0, 1, 0, 1]);
    const card = modelCard({
      name: "pets",
      architecture: "resnet18",
      classes: ["cat", "dog: a large one"],
      license: "apache-2.0",
      dataset: { name: "Pets: cats & dogs", id: "me/pets" },
      report: metrics.report(),
    });
    writeFileSync(join(folder, "README.md"), card);
    expect(await py("card", join(folder, "README.md"))).toMatchObject({
      data: {
        license: "apache-2.0",
        library_name: "vitrail",
        pipeline_tag: "image-classification",
        datasets: ["me/pets"],
      },
      results: [
        ["top-1 accuracy", 0.75, "me/pets"],
        ["macro F1", metrics.report().macro.f1, "me/pets"],
      ],
      title: "# pets",
    });
  });
});
