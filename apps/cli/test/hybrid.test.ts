import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readCheckpoint } from "@vitrail/checkpoint";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundleCommand } from "./bundle.ts";
import { plant, twoColours } from "./coloured.ts";
import { type Result, run } from "./run.ts";

let out: string;
let work: string;
const vitrail = (...args: string[]): Promise<Result> => run(join(out, "vitrail.js"), args, { cwd: work });
const read = (path: string) => readFileSync(join(work, path));
const json = (path: string) => JSON.parse(read(path).toString());

const resnet = [
  "--data",
  "pictures",
  "--model",
  "resnet20_cifar",
  "--set",
  "model_kwargs={width: 8}",
  "--image-size",
  "16",
  "--epochs",
  "1",
  "--lr",
  "0.05",
];
const hybrid = [
  ...["--data", "pictures", "--model", "vit_mini_r20_s4_32", "--image-size", "16", "--set", "model_kwargs={depth: 1}"],
  ...["--epochs", "2", "--lr", "0.0001", "--set", "kd_weights=resnet", "--set", "kd_distill_type=soft"],
];

beforeAll(async () => {
  out = await bundleCommand(".vitrail-hybrid");
  work = mkdtempSync(join(tmpdir(), "vitrail-hybrid-"));
  plant(join(work, "pictures"), twoColours({ train: 8, val: 3 }));
  const first = await vitrail("train", ...resnet, "--out", "resnet");
  expect(first.status, first.stderr).toBe(0);
  const result = await vitrail("train", ...hybrid, "--backbone-weights", "resnet", "--out", "hybrid");
  expect(result.status, result.stderr).toBe(0);
  expect(result.stderr).toContain(
    "vit_mini_r20_s4_32: the backbone is from resnet, the rest starts from random weights",
  );
  expect(result.stderr).toContain(
    "training vit_mini_r20_s4_32 on the backbone of resnet, the rest from random weights, on 16",
  );
});
afterAll(() => {
  rmSync(work, { recursive: true });
  rmSync(out, { recursive: true });
});

describe("a hybrid on a trained network", () => {
  test("begins from its weights, and is a weights folder like any other", async () => {
    const [backbone, whole] = ["resnet", "hybrid"].map(
      (run) => readCheckpoint(new Uint8Array(read(`${run}/model.safetensors`))).tensors,
    );
    const before = backbone?.get("layer3.2.conv2.weight")?.float32() as Float32Array;
    const after = whole?.get("patch_embed.backbone.layer3.2.conv2.weight")?.float32() as Float32Array;
    expect(after.length).toBe(before.length);
    const moved = Math.max(...after.map((value, i) => Math.abs(value - (before[i] as number))));
    expect(moved).toBeLessThan(0.01); // a few steps of 1e-4 away, not drawn anew
    const { architecture, model_args } = json("hybrid/config.json");
    expect([architecture, model_args]).toEqual([
      "vit_mini_r20_s4_32",
      { backbone: { width: 8 }, depth: 1, img_size: 16 },
    ]); // as narrow as the run it begins from
    const judged = await vitrail("eval", "--data", "pictures", "--weights", "hybrid", "--json");
    expect(JSON.parse(judged.stdout).loss).toBeCloseTo(json("hybrid/evaluation.json").loss, 5);
    const answers = await vitrail("classify", "pictures/val/red/0.png", "--weights", "hybrid", "--json");
    expect(JSON.parse(answers.stdout)).toMatchObject([{ model: "vit_mini_r20_s4_32" }]);
    const onnx = await vitrail("export", "vit_mini_r20_s4_32", "--weights", "hybrid", "--out", "hybrid.onnx", "--json");
    expect([onnx.status, onnx.stderr]).toEqual([0, ""]);
    const facts = await vitrail("info", "hybrid");
    expect(facts.stdout).toContain("patch_embed.backbone.conv1.weight");
  });

  test("is gone on with from any folder: the run knows where its backbone and its teacher lie", async () => {
    mkdirSync(join(work, "elsewhere"));
    const args = ["train", "--resume", "--out", "../hybrid"];
    const result = await run(join(out, "vitrail.js"), args, { cwd: join(work, "elsewhere") });
    expect(result.status, result.stderr).toBe(0);
    const places = json("hybrid/environment.json") as Record<string, string>[];
    expect(places).toHaveLength(2);
    for (const name of ["backbone_weights", "kd_weights"]) {
      expect(places[1]?.[name]).toBe(places[0]?.[name]);
      expect(places[1]?.[name]?.endsWith("resnet")).toBe(true);
    }
  });

  test.each([
    ["no hybrid", ["--model", "resnet20_cifar"], "backbone_weights: resnet20_cifar has no backbone"],
    ["weights, too", ["--model", "vit_mini_r20_s4_32", "--weights", "hybrid"], "hybrid holds the backbone as well"],
    ["no model", [], "backbone_weights: of which hybrid? --model NAME"],
  ])("%s is a line", async (_, args, message) => {
    const result = await vitrail("train", "--data", "pictures", ...args, "--backbone-weights", "resnet", "--out", "x");
    expect([result.status, result.stderr.split("\n").length]).toEqual([1, 2]);
    expect(result.stderr).toContain(message);
  });
});
