import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openDataset, pictureFile, type Split } from "@vitrail/data";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openModel } from "../../apps/cli/src/open-model.ts";
import { packagedModels } from "../../apps/trainer/src/packaged.ts";
import { answersOf } from "../../apps/trainer/src/ship/answers.ts";
import { findPython, record, shippedPy } from "./python.ts";

const python = findPython("torch, safetensors, PIL");
/** Test pictures of the model's own data, besides the photos of this repository. */
const TEST_PICTURES = 13;

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "vitrail-shipped-"));
});
const passed: string[] = [];
afterEach(({ task }) => {
  if (task.result?.state === "pass") passed.push(task.name);
});
afterAll(async () => {
  if (python) record("shipped", await shippedPy(python, "version"), passed);
  rmSync(folder, { recursive: true });
});

/** The photos of this repository. */
function photos(): string[] {
  const place = fileURLToPath(new URL("../../apps/cli/photos", import.meta.url));
  const names = readdirSync(place).filter((name) => /\.(png|jpe?g)$/.test(name));
  return names.sort().map((name) => join(place, name));
}

/** The first test pictures of a data set, as files. */
async function testPictures(data: string): Promise<string[]> {
  const dataset = await openDataset(data);
  const split = dataset.splits.get("test") as Split;
  const paths: string[] = [];
  for (let i = 0; i < TEST_PICTURES; i++) {
    const { bytes, kind } = await pictureFile(await split.source(i));
    const path = join(folder, `${i}.${kind}`);
    writeFileSync(path, bytes);
    paths.push(path);
  }
  await dataset.dispose();
  return paths;
}

const files = (paths: readonly string[]): Split => ({
  name: "photos",
  length: paths.length,
  label: () => 0,
  nameOf: (i) => paths[i] as string,
  source: (i) => ({ kind: "file", path: paths[i] as string }),
});

describe.skipIf(!python)("the packaged weights (skipped without Python's torch, safetensors and Pillow)", () => {
  test.each(packagedModels())("$id: Python reads fp16, and a twin in PyTorch gives the same logits", async (model) => {
    const there = existsSync(model.set.folder);
    const pictures = [...photos(), ...(there ? await testPictures(model.set.folder) : [])];
    const found = (await shippedPy(python as string, "logits", model.folder, ...pictures)) as {
      dtypes: string[];
      logits: number[][];
    };
    expect(found.dtypes).toEqual(["torch.float16"]);
    const opened = await openModel({ weights: model.folder });
    const ours = await answersOf({ ...opened, engine: { engine: "ort" }, threads: 0 }, files(pictures));
    opened.model.dispose();
    const theirs = found.logits.flat();
    expect(ours.logits.length).toBe(theirs.length);
    const apart = Math.max(...theirs.map((value, i) => Math.abs(value - (ours.logits[i] as number))));
    expect(apart).toBeLessThan(1e-3);
  });
});
