import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
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

/** A network of some thousand weights. */
const small = ["--model", "resnet20_cifar", "--set", "model_kwargs={blocks: 1, width: 4}", "--image-size", "16"];
const train = (...args: string[]) => vitrail("train", "--data", "pictures", ...args);
const events = ({ stdout }: Result): Record<string, unknown>[] =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

/** What two runs of one seed have alike, to the last bit. */
const SAME = ["model.safetensors", "last.safetensors", "last.optim.safetensors", "metrics.jsonl"];
const bits = (folder: string) =>
  Object.fromEntries(SAME.map((name) => [name, readFileSync(join(work, folder, name), "base64")]));

beforeAll(async () => {
  out = await bundleCommand(".vitrail-train"); // its own: runs are compared to the bit
  work = mkdtempSync(join(tmpdir(), "vitrail-train-"));
  plant(join(work, "pictures"), twoColours({ train: 12, val: 5 }));
  plant(join(work, "others"), twoColours({ train: 6, val: 3 }, ["green", "red"]));
  plant(join(work, "three"), twoColours({ train: 6, val: 3 }, ["blue", "green", "red"]));
});
afterAll(() => {
  rmSync(work, { recursive: true });
  rmSync(out, { recursive: true });
});

describe("vitrail train", () => {
  let learned: Result;

  beforeAll(async () => {
    learned = await train(...small, "--epochs", "8", "--lr", "0.05", "--out", "base");
  });

  test("learns two colours from random weights, and says what it picked and what came of it", () => {
    expect(learned.status, learned.stderr).toBe(0);
    expect(learned.stderr).toContain("validation: the data's own val split, 10 pictures");
    expect(learned.stderr).toMatch(/^picked for 24 pictures: from random weights/m);
    expect(learned.stderr).toMatch(
      /^training resnet20_cifar from random weights on 24 pictures of 2 classes \(blue, red\)/m,
    );
    expect(learned.stderr).toMatch(/^about \d+ s to go/m);
    expect(learned.stdout).toMatch(/^epoch 8\/8 {2}loss /m);
    expect(learned.stdout).toMatch(
      /^100\.00 % of 10 validation pictures right \(weights of epoch \d\); base\/README\.md/m,
    );
  });

  test("leaves a folder that says everything", () => {
    const files = readdirSync(join(work, "base")).sort();
    expect(files).toEqual([
      "README.md",
      "args.yaml",
      "config.json",
      "environment.json",
      "evaluation.json",
      "events.out.tfevents.vitrail",
      "last.optim.safetensors",
      "last.safetensors",
      "metrics.jsonl",
      "model.safetensors",
      "plots",
      "timing.jsonl",
      "wrong.json",
    ]);
    const config = JSON.parse(readFileSync(join(work, "base", "config.json"), "utf8"));
    expect(config).toMatchObject({
      architecture: "resnet20_cifar",
      num_classes: 2,
      label_names: ["blue", "red"],
      model_args: { blocks: 1, width: 4 },
      pretrained_cfg: { input_size: [3, 16, 16] },
    });
    expect(readFileSync(join(work, "base", "README.md"), "utf8")).toContain("trained from scratch");
  });

  test("--json is a document a line, and the same seed gives the same bits, whatever the clock says", async () => {
    const result = await train(...small, "--epochs", "8", "--lr", "0.05", "--out", "again", "--json", "--seed", "0");
    expect(result.status, result.stderr).toBe(0);
    const found = events(result);
    expect(found.map(({ event }) => event)).toEqual(["plan", "start", ...Array(8).fill("epoch"), "done"]);
    expect(found[0]).toMatchObject({ folder: "again", images: 24, validation: 10, classes: ["blue", "red"] });
    expect(found[1]).toMatchObject({ engine: "ort", updates: 0 });
    expect(found[9]).toMatchObject({ epoch: 7, validation: { top1: expect.any(Number) } });
    expect(found[10]).toMatchObject({ folder: "again", ended: "epochs", images: 10, top1: 1, top5: 1 });
    expect(bits("again")).toEqual(bits("base"));
  });

  test("--classes and train_fraction take a part of the pictures, and eval judges that part", async () => {
    const part = ["--classes", "red,green", "--set", "train_fraction=0.5"];
    const result = await vitrail(
      "train",
      "--data",
      "three",
      ...small,
      ...part,
      "--epochs",
      "2",
      "--out",
      "part",
      "--json",
    );
    expect(result.status, result.stderr).toBe(0);
    expect(result.stderr).toContain("training on 6 of 12 pictures (train_fraction 0.5)");
    expect(events(result)[0]).toMatchObject({ images: 6, validation: 6, classes: ["red", "green"] });
    const judged = await vitrail("eval", "--data", "three", "--weights", "part", "--classes", "green", "--json");
    expect(judged.status, judged.stderr).toBe(0);
    const { images, perClass } = JSON.parse(judged.stdout);
    expect([images, perClass.red.support, perClass.green.support]).toEqual([3, 0, 3]);
    const none = await vitrail("train", "--data", "three", ...small, "--classes", "red,pink", "--out", "none");
    expect([none.status, none.stderr]).toEqual([
      1,
      expect.stringMatching(/^error: .*three: expected a class "pink", found "blue", "green", "red"$/m),
    ]);
  });

  test("another seed gives other weights", async () => {
    expect((await train(...small, "--epochs", "8", "--lr", "0.05", "--out", "seed1", "--seed", "1")).status).toBe(0);
    expect(bits("seed1")["model.safetensors"]).not.toBe(bits("base")["model.safetensors"]);
  });

  test("vitrail eval gives the run's own figures, and classify its labels", async () => {
    const { top1, loss } = JSON.parse(readFileSync(join(work, "base", "evaluation.json"), "utf8"));
    const judged = await vitrail("eval", "--data", "pictures", "--weights", "base", "--json");
    expect(judged.status, judged.stderr).toBe(0);
    const row = JSON.parse(judged.stdout);
    expect(row).toMatchObject({ model: "resnet20_cifar", split: "val", images: 10, top1 });
    expect(row.loss).toBeCloseTo(loss, 5);
    const answers = await vitrail(
      "classify",
      "pictures/val/red/0.png",
      "pictures/val/blue/1.png",
      "--weights",
      "base",
      "--json",
    );
    expect(answers.status, answers.stderr).toBe(0);
    expect(
      JSON.parse(answers.stdout).map((one: { predictions: { label: string }[] }) => one.predictions[0]?.label),
    ).toEqual(["red", "blue"]);
  });

  describe("from weights", () => {
    const vit = "model_kwargs={img_size: 16, patch_size: 4, embed_dim: 12, depth: 2, num_heads: 2}";

    beforeAll(async () => {
      const args = [
        "--model",
        "vit_tiny_patch16_224",
        "--weights",
        "none",
        "--set",
        vit,
        "--set",
        "mixup=0",
        "--set",
        "cutmix=0",
      ];
      const result = await train(...args, "--epochs", "6", "--lr", "0.01", "--out", "vit");
      expect(result.status, result.stderr).toBe(0);
    });

    test.each([
      ["full", "base", "resnet20_cifar"],
      ["linear", "base", "resnet20_cifar"],
      ["partial", "vit", "vit_tiny_patch16_224"],
      ["lora", "vit", "vit_tiny_patch16_224"],
    ])("--mode %s leaves a folder that classify, eval and export use", async (mode, weights, model) => {
      const folder = `${mode}-run`;
      const args = ["--data", "three", "--weights", weights, "--mode", mode, "--epochs", "12", "--lr", "0.02"];
      const result = await vitrail("train", ...args, "--out", folder, "--json");
      expect(result.status, result.stderr).toBe(0);
      // the weights know blue and red; said once
      expect(result.stderr.match(/new and untrained/g)).toHaveLength(1);
      const done = events(result).at(-1) as { top1: number };
      const [judged, answer, exported] = await Promise.all([
        vitrail("eval", "--data", "three", "--weights", folder, "--json"),
        vitrail("classify", "three/val/green/0.png", "--weights", folder, "--json", "--top", "3"),
        vitrail("export", model, "--weights", folder, "--out", `${folder}.onnx`),
      ]);
      expect(judged.status, judged.stderr).toBe(0);
      expect(JSON.parse(judged.stdout)).toMatchObject({ model, images: 9, top1: done.top1 });
      expect(Object.keys(JSON.parse(judged.stdout).perClass)).toEqual(["blue", "green", "red"]);
      expect(done.top1).toBeGreaterThan(0.6);
      const [{ predictions }] = JSON.parse(answer.stdout);
      expect(predictions.map(({ label }: { label: string }) => label).sort()).toEqual(["blue", "green", "red"]);
      expect(exported.status, exported.stderr).toBe(0);
      expect(existsSync(join(work, `${folder}.onnx`))).toBe(true);
      const plain = readCheckpoint(new Uint8Array(readFileSync(join(work, folder, "model.safetensors"))));
      expect([...plain.tensors.keys()].filter((name) => name.includes("lora"))).toEqual([]);
    });

    test("a teacher helps, whatever its network, if it knows the same classes", async () => {
      const args = ["--data", "pictures", ...small, "--weights", "none", "--epochs", "2", "--json"];
      const taught = await vitrail(
        "train",
        ...args,
        "--set",
        "kd_weights=vit",
        "--set",
        "kd_temperature=2",
        "--out",
        "pupil",
      );
      expect(taught.status, taught.stderr).toBe(0);
      const none = ["--set", "kd_weights=none", "--set", "kd_temperature=2"]; // the rest of a recipe may still speak of one
      const alone = await vitrail("train", ...args, ...none, "--out", "autodidact");
      const losses = [taught, alone].map((one) => (events(one)[2] as { train: { loss: number } }).train.loss);
      expect(losses[0]).toBeGreaterThan(losses[1] as number); // the teacher's opinion counts as well
      const once = ["--set", "kd_weights=vit", "--set", "kd_precompute=true"];
      const heard = await vitrail("train", ...args, ...once, "--set", "no_aug=true", "--out", "heard");
      expect(heard.status, heard.stderr).toBe(0);
      const asked = await vitrail("train", ...args, ...once.slice(0, 2), "--set", "no_aug=true", "--out", "asked");
      const [a, b] = [heard, asked].map((one) => (events(one)[2] as { train: { loss: number } }).train.loss);
      expect(a).toBeCloseTo(b as number, 3); // the same pictures, whether whole or as the student sees them
      const mixed = await vitrail("train", ...args, ...once, "--set", "mixup=0.2", "--out", "mixed");
      expect([mixed.status, mixed.stderr]).toEqual([1, expect.stringMatching(/^error: kd_precompute: .*mixup/m)]);
      const other = await vitrail("train", ...args, "--data", "three", "--set", "kd_weights=vit", "--out", "misled");
      expect([other.status, other.stderr]).toEqual([
        1,
        expect.stringMatching(/^error: the teacher vit_tiny_patch16_224 knows 2 classes, the pictures have 3$/m),
      ]);
      expect(existsSync(join(work, "misled"))).toBe(false);
    });

    test("the same command goes on with its run, whatever it calls the model", async () => {
      const args = ["--data", "pictures", "--model", "vit_tiny_patch16_224.augreg_in21k_ft_in1k", "--weights", "vit"];
      const again = () => vitrail("train", ...args, "--mode", "full", "--epochs", "1", "--out", "called", "--resume");
      expect((await again()).status).toBe(0);
      const before = bits("called");
      const result = await again();
      expect(result.status, result.stderr).toBe(0);
      expect(bits("called")).toEqual(before);
      // also from elsewhere
      const elsewhere = await run(join(out, "vitrail.js"), ["train", "--resume", "--out", "../called"], {
        cwd: join(work, "pictures"),
      });
      expect(elsewhere.status, elsewhere.stderr).toBe(0);
      expect(bits("called")).toEqual(before);
    });

    test("of as many classes with other names, the classifier is new as well", async () => {
      const args = ["--data", "others", "--weights", "base", "--mode", "full", "--epochs", "1", "--lr", "0.000001"];
      const other = await vitrail("train", ...args, "--out", "others-run");
      expect(other.status, other.stderr).toBe(0);
      expect(other.stderr).toContain(
        'resnet20_cifar: base knows other classes (0 is "blue", in the data "green"); fc is new and untrained',
      );
      const weight = (folder: string) => {
        const { tensors } = readCheckpoint(new Uint8Array(readFileSync(join(work, folder, "model.safetensors"))));
        return tensors.get("fc.weight")?.float32() as Float32Array;
      };
      const distance = (a: Float32Array, b: Float32Array) =>
        Math.max(...a.map((value, i) => Math.abs(value - (b[i] as number))));
      expect(distance(weight("others-run"), weight("base"))).toBeGreaterThan(0.01);
      // of the same classes it stays
      const same = await train(
        "--weights",
        "base",
        "--mode",
        "full",
        "--epochs",
        "1",
        "--lr",
        "0.000001",
        "--out",
        "same-run",
      );
      expect(same.stderr).not.toContain("new and untrained");
      expect(distance(weight("same-run"), weight("base"))).toBeLessThan(0.01);
    });
  });
});
