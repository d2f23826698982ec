import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { encodeSafetensors } from "@vitrail/checkpoint";
import { createModel, type ImageModel, type ModelSpec, withModelArgs } from "@vitrail/layers";
import { resnet20_cifar } from "@vitrail/resnet";
import { useBackend } from "@vitrail/tensor";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { boxModels, checkpointName } from "../src/box.ts";
import { models } from "../src/models-table.ts";
import { bundleCommand } from "./bundle.ts";
import { plant } from "./coloured.ts";
import { type Result, run } from "./run.ts";

const photo = (name: string) => fileURLToPath(new URL(`../photos/${name}`, import.meta.url));
const cat = photo("chelsea.png");

let out: string;
let work: string;
const vitrail = (...args: string[]): Promise<Result> => run(join(out, "vitrail.js"), args, { cwd: work });
const json = ({ stdout }: Result) => JSON.parse(stdout);

/** The files of a model with random weights, below a folder. */
function filesOf(
  folder: string,
  spec: ModelSpec<unknown, ImageModel>,
  labels: readonly string[],
  modelArgs: Readonly<Record<string, unknown>> = {},
): Record<string, Uint8Array | string> {
  const model = createModel(withModelArgs(spec, modelArgs), { seed: 3, numClasses: labels.length });
  const weights = encodeSafetensors(model.params.stateDict(), { metadata: { format: "pt" } });
  model.dispose();
  const config = {
    architecture: spec.name,
    num_classes: labels.length,
    label_names: labels,
    model_args: modelArgs,
    // No energy is above it: every photo is a stranger.
    vitrail: { open_set: { score: "energy", threshold: 1e6, temperature: 1 } },
  };
  return { [`${folder}/config.json`]: JSON.stringify(config), [`${folder}/model.safetensors`]: weights };
}

beforeAll(async () => {
  out = await bundleCommand(".vitrail-box");
  work = mkdtempSync(join(tmpdir(), "vitrail-box-"));
  await useBackend("cpu");
  const things = join(work, "node_modules/@x/weights-things");
  const tiny = { blocks: 1, width: 4 };
  plant(things, {
    "package.json": JSON.stringify({ name: "@x/weights-things", exports: { "./package.json": "./package.json" } }),
    ...filesOf(".", resnet20_cifar as ModelSpec<unknown, never>, ["boot", "bag", "shirt"], tiny),
    ...filesOf(
      "vit_mini_r20_s4_32",
      models.vit_mini_r20_s4_32 as ModelSpec<unknown, never>,
      [..."0123456789"].map((n) => `thing ${n}`),
    ),
  });
  for (const name of ["boot", "bag"]) {
    mkdirSync(join(work, "data/val", name), { recursive: true });
    cpSync(name === "bag" ? cat : photo("coffee.png"), join(work, "data/val", name, "1.png"));
  }
  const damaged = join(work, "node_modules/@x/damaged");
  cpSync(things, damaged, { recursive: true });
  const whole = readFileSync(join(things, "model.safetensors"));
  writeFileSync(join(damaged, "model.safetensors"), whole.subarray(0, whole.length - 100));
  writeFileSync(join(damaged, "vit_mini_r20_s4_32/model.safetensors"), "no checkpoint");
});
afterAll(() => rmSync(work, { recursive: true }));

describe("a weights package, by its name", () => {
  const root = ["--weights", "@x/weights-things"];
  const hybrid = ["--weights", "@x/weights-things/vit_mini_r20_s4_32"];

  test("classifies by the model at its root or by another one in it, and says none of how many", async () => {
    const first = await vitrail("classify", cat, ...root, "--top", "1");
    expect(first).toMatchObject({ status: 0, stderr: expect.not.stringContaining("error") });
    expect(first.stdout).toMatch(/\n {2}looks like none of the 3; the nearest:\n +\d+\.\d\d % {2}(boot|bag|shirt)\n$/);
    const second = await vitrail("classify", cat, ...hybrid, "--top", "1");
    expect(second.stdout).toMatch(/\n {2}looks like none of the ten; the nearest:\n +\d+\.\d\d % {2}thing \d\n$/);
    expect(json(await vitrail("classify", cat, ...hybrid, "--json"))[0]).toMatchObject({
      model: "vit_mini_r20_s4_32",
      known: false,
    });
  });

  test("is what the other commands take, too", async () => {
    const vectors = await vitrail("embed", cat, ...hybrid, "--out", "v.jsonl", "--json");
    expect(json(vectors)).toMatchObject({ model: "vit_mini_r20_s4_32", vectors: 1, width: 128 });
    const judged = await vitrail("eval", "--data", "data", ...root, "--json");
    expect(json(judged)).toMatchObject({ model: "resnet20_cifar", weights: "@x/weights-things", images: 2 });
    const about = await vitrail("info", "@x/weights-things");
    expect(about.stdout).toMatch(/labels +boot, bag, shirt\n/);
    expect(about.stdout).toMatch(/in the same package +@x\/weights-things\/vit_mini_r20_s4_32\n/);
    for (const args of [
      ["resnet20_cifar", ...root],
      ["@x/weights-things", "--force"],
    ]) {
      const exported = await vitrail("export", ...args, "--out", "x.onnx");
      expect(exported).toMatchObject({
        status: 0,
        stdout: expect.stringMatching(/^\S*x\.onnx: .*input \[1, 32, 32, 3\]/),
      });
    }
    const converted = await vitrail(
      "convert",
      hybrid[1] as string,
      "--model",
      "vit_mini_r20_s4_32",
      "-o",
      "h.safetensors",
    );
    expect(converted.stdout).toMatch(/^h\.safetensors: \d+ tensors of vit_mini_r20_s4_32/);
  });

  test.each<[string, string, RegExp]>([
    ["a package that is not there", "@x/weights-thing", /not installed; did you mean "@x\/weights-things"/],
    [
      "a model that is not in it",
      "@x/weights-things/nope",
      /holds no model "nope"; it holds resnet20_cifar \(@x\/weights-things\), vit_mini_r20_s4_32/,
    ],
    [
      "one in the box that is not",
      "@vitrail/weights-cifar10/nope",
      /weights-cifar10 holds no model "nope"; it holds resnet20_cifar/,
    ],
    ["a name that leads out", "@x/weights-things/../../../photos", /cannot be a weights package/],
    ["backslashes", "@x\\weights-things\\vit_mini_r20_s4_32", /cannot be a weights package.*with \/ on every system/],
    ["a file in it", "@x/weights-things/model.safetensors", /holds no model "model\.safetensors"; it holds/],
    ["a package of code", "@vitrail/hub", /has no checkpoint, expected model\.safetensors; its files: /],
    ["a checkpoint that was cut", "@x/damaged", /damaged.model\.safetensors: /],
    ["a checkpoint that is none", "@x/damaged/vit_mini_r20_s4_32", /vit_mini_r20_s4_32.model\.safetensors: /],
  ])("%s is one plain error, status 1, nothing on stdout", async (_, source, message) => {
    const { status, stdout, stderr } = await vitrail("classify", cat, "--weights", source);
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^error: [^\n]+\n$/);
  });

  test("the hub is not asked for one", async () => {
    const { status, stderr } = await vitrail("download", "@x/weights-things");
    expect(status).toBe(1);
    expect(stderr).toMatch(/@x\/weights-things is an npm package and not on the hub/);
  });
});

describe("the models in the box", () => {
  test("are listed with their data, their score, their classes, and what asks for them", async () => {
    const { stdout } = await vitrail("models");
    const [, box] = stdout.split(/^in the box.*\n/m) as [string, string];
    const names = boxModels().map(({ id }) => id);
    expect(names[0]).toBe("@vitrail/weights-cifar10");
    expect(
      box
        .trim()
        .split("\n")
        .map((line) => line.split(/ +/)[1]),
    ).toEqual(names);
    expect(box).toMatch(
      /--weights @vitrail\/weights-cifar10 +resnet20_cifar +CIFAR-10 +\d\d\.\d % +airplane, .*, truck\n/,
    );
    expect(stdout).toMatch(/^resnet20_cifar .* vitrail_cifar10 +\d\d\.\d % +apache-2\.0 +in the box, CIFAR-10$/m);
    expect((await vitrail("models", "--filter", "resnet50*")).stdout).not.toContain("in the box");
    const rows = json(await vitrail("models", "--json")) as { checkpoints: { package: string | null }[] }[];
    const found = rows.flatMap(({ checkpoints }) => checkpoints.map((one) => one.package)).filter((id) => id !== null);
    expect(found.sort()).toEqual(names.sort());
  });

  for (const one of boxModels()) {
    test(`${one.id} answers by its package's name and by its own`, async () => {
      const asked = [
        ["--weights", one.id],
        ["--model", checkpointName(one)],
      ];
      const rows = [];
      for (const args of asked) rows.push(json(await vitrail("classify", cat, ...args, "--offline", "--json"))[0]);
      expect(rows[0]).toMatchObject({ model: one.config.architecture, known: expect.any(Boolean) });
      expect(one.config.labels).toContain(rows[0].predictions[0].label);
      expect(rows[1]).toEqual(rows[0]);
    });
  }
});
