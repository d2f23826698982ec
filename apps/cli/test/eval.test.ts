import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { shared } from "@repo/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EvalRow } from "../src/train/evaluation.ts";
import { bundleCommand } from "./bundle.ts";
import { coloured, plant } from "./coloured.ts";
import { type Result, run } from "./run.ts";

const photo = (name: string) => readFileSync(fileURLToPath(new URL(`../photos/${name}`, import.meta.url)));
const box = fileURLToPath(new URL("../../../packages/weights-cifar10", import.meta.url));

let out: string;
let work: string;
const vitrail = (...args: string[]): Promise<Result> => run(join(out, "vitrail.js"), args, { cwd: work });
const judge = (...args: string[]) => vitrail("eval", "--model", "resnet20_cifar", ...args);
const row = ({ stdout }: Result) => JSON.parse(stdout) as EvalRow;

beforeAll(async () => {
  out = await bundleCommand();
  work = mkdtempSync(join(tmpdir(), "vitrail-eval-"));
  plant(work, {
    "pets/val/cat/chelsea.png": photo("chelsea.png"),
    "pets/val/ship/rocket.jpg": photo("rocket.jpg"),
    "pets/val/horse/coffee.png": photo("coffee.png"), // none of the ten: it says automobile
    "pets/test/cat/chelsea.png": photo("chelsea.png"),
    "strange/cat/1.png": coloured("red", 1),
    "strange/espresso/2.png": coloured("red", 2),
    "broken/cat/chelsea.png": photo("chelsea.png"),
    "broken/cat/empty.jpg": "",
    "broken/ship/cut.jpg": photo("rocket.jpg").subarray(0, 50_000),
    "useless/cat/empty.jpg": "",
    "nameless/model.safetensors": readFileSync(join(box, "model.safetensors")),
  });
  const { label_names: _, ...config } = JSON.parse(readFileSync(join(box, "config.json"), "utf8"));
  writeFileSync(join(work, "nameless", "config.json"), JSON.stringify(config));
});
afterAll(() => rmSync(work, { recursive: true }));

describe("vitrail eval", () => {
  test.each(["ort", "ort-web", "tfjs"])(
    "counts right answers by the weights' own classes, with engine %s",
    async (engine) => {
      const result = await judge("--data", "pets", "--engine", engine, "--json");
      expect(result.status, result.stderr).toBe(0);
      expect(result.stderr).toContain("judged by the split val (there is test, too: --split)");
      const found = row(result);
      expect(found).toMatchObject({
        model: "resnet20_cifar",
        split: "val",
        images: 3,
        top1: 2 / 3,
        top5: 2 / 3, // a horse is not among its first five for the cup
        engine,
        bad: [],
      });
      expect(Object.keys(found.perClass)).toHaveLength(10);
      expect(found.perClass).toMatchObject({
        cat: { support: 1, correct: 1, recall: 1 },
        horse: { support: 1, correct: 0, recall: 0 },
        automobile: { support: 0, predicted: 1, precision: 0 },
      });
      for (const value of [found.loss, found.imagesPerSecond]) expect(value).toBeGreaterThan(0);
      expect(found.macro.balancedAccuracy).toBeCloseTo(2 / 3, 12);
    },
  );

  test("says in words what is weakest and what it is taken for", async () => {
    const { status, stdout } = await judge("--data", "pets");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^resnet20_cifar on pets, split val: 66\.67 % right$/m);
    expect(stdout).toMatch(/^ {2}top-1 +66\.67 % {2}2 of 3 pictures$/m);
    expect(stdout).toMatch(/^ {2}calibration error +\d/m);
    expect(stdout).toMatch(/^ {2}horse +0\.00 % +0 of 1/m);
    expect(stdout).toMatch(/^ {2}horse +automobile +1$/m);
  });

  test("judges the model in eight bits, calibrated on photos", async () => {
    const eight = ["--data", "pets", "--precision", "int8", "--calibrate", "pets/val/cat", "--engine", "ort"];
    const result = await judge(...eight, "--json");
    expect(result.status, result.stderr).toBe(0);
    expect(row(result)).toMatchObject({
      images: 3,
      engine: "ort",
      precision: "int8",
      perClass: { cat: { correct: 1 } },
    });
    expect((await judge(...eight)).stdout).toMatch(/a second, ort \(cpu, int8\)$/m);
  });

  test("takes the split that is asked for, and the first pictures after the seeded shuffle", async () => {
    expect(row(await judge("--data", "pets", "--split", "test", "--json"))).toMatchObject({ split: "test", images: 1 });
    const [a, b] = [
      await judge("--data", "pets", "--limit", "2", "--json"),
      await judge("--data", "pets", "--limit", "2", "--json"),
    ];
    expect(row(a)).toMatchObject({ images: 2 });
    expect(row(a).perClass).toEqual(row(b).perClass);
  });

  test("counts what cannot be read, lists it, and leaves it out, or stops", async () => {
    const result = await judge("--data", "broken", "--json");
    expect(result.status, result.stderr).toBe(0);
    expect(row(result)).toMatchObject({
      images: 1,
      top1: 1,
      bad: [
        { name: "cat/empty.jpg", reason: expect.stringContaining("the file is empty") },
        { name: "ship/cut.jpg", reason: expect.stringContaining("a damaged or cut JPEG") },
      ],
    });
    expect(result.stderr).toContain("2 of 3 pictures cannot be read and are left out");
    const strict = await judge("--data", "broken", "--on-bad", "fail");
    expect(strict.status).toBe(1);
    expect(strict.stderr).toMatch(
      /^error: 2 of 3 pictures cannot be read .*:\n {2}cat\/empty\.jpg: .*\n {2}ship\/cut\.jpg: /m,
    );
  });

  test.each<[string, string[], RegExp]>([
    [
      "a class that the model does not know",
      ["--data", "strange"],
      /^error: espresso\/2\.png is of class "espresso", which is not among the 10 classes/m,
    ],
    [
      "a split that there is not",
      ["--data", "pets", "--split", "tset"],
      /^error: --split tset: pets has val, test\. Did you mean test\?$/m,
    ],
    [
      "no picture that can be read",
      ["--data", "useless"],
      /^error: none of the 1 pictures can be read: cat\/empty\.jpg: the file is empty/m,
    ],
    ["data that are not there", ["--data", "nowhere"], /^error: nowhere: no such file or folder$/m],
    ["weights that are not there", ["--data", "pets", "--weights", "nowhere"], /^error: .*nowhere/m],
    [
      "int8 without photos",
      ["--data", "pets", "--precision", "int8"],
      /^error: .*give a folder of photos with --calibrate/m,
    ],
    [
      "int8 on tfjs",
      ["--data", "pets", "--precision", "int8", "--backend", "wasm"],
      /^error: --precision int8 needs engine ort or ort-web/m,
    ],
    ["photos for fp32", ["--data", "pets", "--calibrate", "pets"], /^error: --calibrate goes with --precision int8/m],
    ["an unknown backend", ["--data", "pets", "--backend", "gpu"], /^error: .*gpu/m],
  ])("%s is one plain error", async (_, args, message) => {
    const { status, stdout, stderr } = await judge(...args);
    expect([status, stdout, stderr]).toEqual([1, "", expect.stringMatching(message)]);
    expect(stderr).not.toMatch(/^ +at /m);
  });

  test("weights without labels need as many classes", async () => {
    const result = await vitrail("eval", "--data", "pets", "--weights", "nameless");
    expect([result.status, result.stderr]).toEqual([
      1,
      expect.stringMatching(/^error: pets has 3 classes, the model answers 10, and its weights do not say which/m),
    ]);
    const none = await vitrail("eval", "--data", "pets");
    expect(none.stderr).toMatch(/^error: expected a model to judge: --weights PATH/m);
    expect((await vitrail("eval", "--weights", box)).stderr).toMatch(/required option '-d, --data/);
  });
});

const cifar = shared("data/cifar10-jpeg");
test.skipIf(!cifar)(
  "the model in the box is right for its share of CIFAR-10 (skipped where ../shared is absent)",
  async () => {
    const { status, stdout, stderr } = await judge("--data", cifar as string, "--limit", "1000", "--json");
    expect(status, stderr).toBe(0);
    const { top1, top5, images } = JSON.parse(stdout) as EvalRow;
    expect(images).toBe(1000);
    expect(top1).toBeGreaterThan(0.85);
    expect(top5).toBeGreaterThan(0.98);
  },
);
