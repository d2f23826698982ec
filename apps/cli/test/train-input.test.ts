import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundleCommand } from "./bundle.ts";
import { coloured, plant, twoColours } from "./coloured.ts";
import { type Result, run } from "./run.ts";

const rocket = readFileSync(fileURLToPath(new URL("../photos/rocket.jpg", import.meta.url)));

let out: string;
let work: string;
const vitrail = (...args: string[]): Promise<Result> => run(join(out, "vitrail.js"), args, { cwd: work });

const small = ["--model", "resnet20_cifar", "--set", "model_kwargs={blocks: 1, width: 4}", "--image-size", "16"];
let runs = 0;
/** A training run into a folder of its own. */
async function train(data: string, ...args: string[]): Promise<Result & { folder: string }> {
  const folder = `run-${++runs}`;
  const result = await vitrail("train", "--data", data, ...small, "--epochs", "1", "--out", folder, ...args);
  return { ...result, folder: join(work, folder) };
}

/** One plain error, and nothing begun. */
async function refused(what: Promise<Result & { folder?: string }>, message: RegExp): Promise<void> {
  const { status, stdout, stderr, folder } = await what;
  expect([status, stderr]).toEqual([1, expect.stringMatching(message)]);
  expect(stdout).toBe("");
  expect(stderr).not.toMatch(/^ +at /m);
  if (folder && existsSync(join(folder, "metrics.jsonl")))
    expect(readFileSync(join(folder, "metrics.jsonl"), "utf8")).toBe("");
}

beforeAll(async () => {
  out = await bundleCommand(".vitrail-train-input"); // its own: runs are compared to the bit
  work = mkdtempSync(join(tmpdir(), "vitrail-train-input-"));
  plant(join(work, "pictures"), twoColours({ train: 8, val: 3 }));
});
afterAll(() => {
  rmSync(work, { recursive: true });
  rmSync(out, { recursive: true });
});

describe("pictures that are not as they should be", () => {
  test("hidden and system files and empty classes are passed over, and named (pytorch/vision#2831)", async () => {
    const { "train/red/0.png": picture } = twoColours({ train: 1, val: 1 });
    plant(join(work, "untidy"), {
      ...twoColours({ train: 4, val: 2 }),
      "train/.ipynb_checkpoints/x.png": picture as Buffer,
      "train/.DS_Store": "x",
      "train/red/.DS_Store": "x",
      "train/Thumbs.db": "x",
      "train/red/Thumbs.db": "x",
      "train/red/._1.jpg": rocket,
      "train/green/.keep": "",
    });
    const { status, stderr, folder } = await train("untidy");
    expect(status, stderr).toBe(0);
    expect(stderr).toContain("passed over: train/green: a class without a picture");
    expect(stderr).toMatch(/^passed over: train\/\.DS_Store: a hidden file$/m);
    expect(stderr).toMatch(/^… and \d more, passed over$/m);
    const { label_names } = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
    expect(label_names).toEqual(["blue", "red"]);
  });

  test("one class, one picture, no picture: one line before the first step (pytorch/pytorch#7716)", async () => {
    plant(join(work, "one-class"), { "red/1.png": coloured("red", 1), "red/2.png": coloured("red", 2) });
    await refused(
      train("one-class"),
      /^error: .*one-class: .*has only one class, "red": a classifier needs at least two/m,
    );
    plant(join(work, "one-picture"), { "red/1.png": coloured("red", 1) });
    await refused(train("one-picture"), /^error: .*one-picture/m);
    plant(join(work, "lonely"), { "train/red/1.png": coloured("red", 1), "val/red/2.png": coloured("red", 2) });
    await refused(train("lonely"), /^error: .*lonely: train has only one/m);
    plant(join(work, "nothing"), { "notes.txt": "none here" });
    await refused(train("nothing"), /^error: .*nothing: expected a folder for each class/m);
    await refused(train("absent"), /^error: absent: no such file or folder$/m);
  });

  test("names of any letters, in folders of any name; two spellings of one are an error (onnx/onnx#5761)", async () => {
    const data = join("фото ü 猫", "a b#1%20");
    plant(join(work, data), twoColours({ train: 4, val: 2 }));
    const result = await vitrail("train", "--data", data, ...small, "--epochs", "1", "--out", "lauf ü #1");
    expect(result.status, result.stderr).toBe(0);
    expect(result.stderr).toContain("use it: vitrail classify photo.jpg --weights 'lauf ü #1'");
    const [composed, decomposed] = ["\u00e9", "e\u0301"];
    plant(join(work, "twice"), {
      [`${composed}/1.png`]: coloured("red", 1),
      [`${decomposed}/2.png`]: coloured("red", 2),
    });
    if (readdirSync(join(work, "twice")).length === 1) return; // macOS makes one of them
    await refused(train("twice"), /^error: two classes are both written ".+", once with U\+/m);
  });

  test("9 pictures in batches of 4 train, and the evaluation counts all 9 (pytorch/pytorch#7716)", async () => {
    const files = twoColours({ train: 5, val: 5 });
    delete files["train/red/4.png"];
    delete files["val/blue/4.png"];
    plant(join(work, "nine"), files);
    const { status, stderr, stdout } = await train("nine", "--batch-size", "4", "--json");
    expect(status, stderr).toBe(0);
    const events = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events[0]).toMatchObject({ images: 9, validation: 9 });
    expect(events.at(-2)).toMatchObject({ event: "epoch", updates: 2 });
    expect(events.at(-1)).toMatchObject({ event: "done", images: 9 });
  });

  test("what cannot be read is named before the first step, then left out or the end (keras-team/keras#8686)", async () => {
    plant(join(work, "broken"), {
      ...twoColours({ train: 4, val: 3 }),
      "train/red/empty.jpg": "",
      "train/red/text.jpg": "I am no picture",
      "train/blue/half.jpg": rocket.subarray(0, rocket.length / 2),
      "train/blue/really.jpg": coloured("blue", 77), // a PNG
    });
    const { status, stderr, folder } = await train("broken");
    expect(status, stderr).toBe(0);
    expect(stderr).toContain("3 of 18 pictures cannot be read and are left out (--on-bad fail stops here):");
    expect(stderr).toMatch(/^ {2}train\/blue\/half\.jpg: a damaged or cut JPEG/m);
    expect(stderr).toMatch(/^ {2}train\/red\/empty\.jpg: the file is empty/m);
    expect(stderr).toMatch(/^ {2}train\/red\/text\.jpg: expected JPEG, PNG/m);
    expect(stderr).toContain("on 9 pictures of 2 classes");
    expect(readFileSync(join(folder, "args.yaml"), "utf8")).toContain("train/red/empty.jpg");
    await refused(
      train("broken", "--on-bad", "fail"),
      /^error: 3 of 18 pictures cannot be read \(--on-bad skip goes on without them\):\n {2}train\/blue\/half\.jpg: .*\n {2}train\/red\/empty\.jpg: .*\n {2}train\/red\/text\.jpg: /m,
    );
  });

  test("a run that goes on leaves out the same ones, also where another folder has pictures of such names", async () => {
    for (const [path, bytes] of Object.entries(twoColours({ train: 4, val: 3 }))) {
      const [split, ...rest] = path.split("/");
      plant(join(work, split === "train" ? "flat" : "flat-val"), { [rest.join("/")]: bytes });
    }
    writeFileSync(join(work, "flat-val", "red", "1.png"), "no picture");
    const begun = await train("flat", "--val", "flat-val", "--epochs", "2");
    expect(begun.status, begun.stderr).toBe(0);
    expect(begun.stderr).toMatch(/^ {2}red\/1\.png: /m);
    writeFileSync(join(work, "flat-val", "red", "1.png"), coloured("red", 555)); // mended: still left out
    const { status, stderr } = await vitrail("train", "--resume", "--out", begun.folder);
    expect(status, stderr).toBe(0);
    expect(stderr).toContain("on 8 pictures of 2 classes (blue, red), 5 to judge by");
  });

  test("copies are said: within the training pictures, across the splits, under two classes", async () => {
    const files = twoColours({ train: 4, val: 3 });
    plant(join(work, "copies"), {
      ...files,
      "train/red/again.png": files["train/red/0.png"] as Buffer,
      "val/red/again.png": files["train/red/1.png"] as Buffer,
      "train/red/a blue one.png": files["train/blue/0.png"] as Buffer,
    });
    const { status, stderr } = await train("copies");
    expect(status, stderr).toBe(0);
    expect(stderr).toContain(
      "1 of 7 validation pictures are training pictures, too (val/red/again.png is train/red/1.png): the score will be too good",
    );
    expect(stderr).toMatch(/^2 of 10 training pictures are there before, byte for byte \(train\/red\/.* is train\//m);
    expect(stderr).toContain(
      "the same picture is under two classes (train/blue/0.png is of class blue, train/red/a blue one.png of red): one of them is wrong",
    );
  });

  test("a class that only the validation pictures have is named", async () => {
    plant(join(work, "unknown"), { ...twoColours({ train: 3, val: 2 }), "val/green/0.png": coloured("green", 5) });
    await refused(
      train("unknown"),
      /^error: val\/green\/0\.png is of class "green", which only val has: train has "blue", "red"/m,
    );
    plant(join(work, "judges"), { "green/0.png": coloured("green", 5), "red/0.png": coloured("red", 6) });
    await refused(
      train("pictures", "--val", "judges"),
      /^error: green\/0\.png is of class "green", which is not among the 2 classes asked for \("blue", "red"\)/m,
    );
  });

  test("a list of labels that does not fit is an error with its line", async () => {
    const files = twoColours({ train: 3, val: 0 });
    const rows = Object.keys(files).map((path) => `${path},${path.split("/")[1]}`);
    plant(join(work, "listed"), { ...files, "labels.csv": `image,label\n${rows.join("\n")}\ntrain/red/9.png,red\n` });
    await refused(train("listed"), /^error: .*labels\.csv.*line 8.*train\/red\/9\.png/m);
    writeFileSync(join(work, "listed", "labels.csv"), `image,label\n${rows.join("\n")}\ntrain/red/0.png\n`);
    await refused(train("listed"), /^error: .*labels\.csv.*line 8/m);
    plant(join(work, "numbered"), {
      "train.tar": tarOf({ "0.png": coloured("red", 1), "0.cls": "7" }),
      "classes.txt": "red\nblue\n",
    });
    await refused(train("numbered"), /^error: .*train\.tar.* has the label 7, expected 0 to 1: there are 2 classes/m);
  });

  test("a cut tar or Parquet file is an error that names it", async () => {
    const files = Object.fromEntries(
      [0, 1, 2, 3].flatMap((i) => [
        [`${i}.png`, coloured(i % 2 ? "red" : "blue", i)],
        [`${i}.cls`, String(i % 2)],
      ]),
    );
    const tar = tarOf(files);
    plant(join(work, "cut-tar"), { "train.tar": tar.subarray(0, 3000) });
    await refused(train("cut-tar"), /^error: .*train\.tar.*(ends|cut|truncated)/m);
    plant(join(work, "cut-parquet"), { "train.parquet": Buffer.from("PAR1 and then nothing") });
    await refused(train("cut-parquet"), /^error: .*train\.parquet/m);
  });
});

describe("settings that cannot be", () => {
  const recipe = (text: string): string[] => {
    const name = `recipe-${++runs}.yaml`;
    writeFileSync(join(work, name), text);
    return ["--recipe", name];
  };

  test("an unknown key of a recipe offers the nearest", async () => {
    await refused(
      train("pictures", ...recipe("weight_dekay: 0.1")),
      /^error: --recipe recipe-\d+\.yaml: no setting is called "weight_dekay"\. Did you mean weight_decay/m,
    );
    await refused(
      train("pictures", "--set", "ephocs=3"),
      /^error: --set: no setting is called "ephocs"\. Did you mean epochs/m,
    );
  });

  test.each<[string, string, RegExp]>([
    ["no YAML", "a: [1", /--recipe recipe-\d+\.yaml: .* at line \d+, column \d+$/m],
    ["a list", "- 1\n- 2", /expected lines of "name: value", found \[1,2\]/],
    ["a text for a number", "lr: fast", /lr: expected a number of 0 or more, found "fast"/],
    ["a share over 1", "hflip: 2", /hflip: expected a number from 0 to 1, found 2/],
    ["an unknown choice", "opt: adam", /opt: expected one of sgd, momentum, adamw, lamb, lion, found "adam"/],
    [
      "a model setting that there is not",
      "model_kwargs: {dephth: 3}",
      /resnet20_cifar: model_args: dephth: expected one of/,
    ],
    ["augmentation in no grammar", "aa: rand-x9", /rand-x9/],
  ])("a recipe with %s is refused", async (_, text, message) => {
    const args = ["train", "--data", "pictures", "--model", "resnet20_cifar", "--image-size", "16", "--epochs", "1"];
    await refused(vitrail(...args, "--out", `run-${++runs}`, ...recipe(text)), message);
  });

  test.each<[string[], RegExp]>([
    [["--recipe", "none.yaml"], /--recipe none\.yaml: no such file/],
    [["--batch-size", "17"], /batch_size 17 is more than the 16 training pictures; give a smaller one/],
    [["--val", "1.0"], /--val 1\.0: expected a folder, or a share/],
    [["--val", "nowhere"], /nowhere: no such file or folder/],
    [["--set", "lr"], /--set lr: expected name=value/],
    [["--model", "resnet21"], /no model is called "resnet21"\. Did you mean/],
    [["--weights", "nowhere"], /nowhere/],
    [["--mode", "half"], /Allowed choices are full, linear, partial, lora/],
    [["--epochs", "0"], /whole number above 0/],
    [["--save-every", "now"], /number of 0 or more/],
    [["--engine", "ort", "--backend", "cpu"], /--backend cpu is one of engine tfjs: leave --engine ort out/],
    [
      ["--engine", "tfjs", "--provider", "cuda"],
      /--provider cuda is one of engines ort and ort-web: leave --engine tfjs/,
    ],
    [["--mode", "partial", "--set", "train_blocks=99"], /train_blocks: /],
    [["--mode", "lora"], /no linear layer is chosen/],
    [["--set", "opt=adamw"], /opt adamw: give its learning rate, too \(lr\): what suits sgd does not suit it/],
    [["--set", "kd_model_name=resnet20_cifar"], /the teacher resnet20_cifar knows 10 classes, the pictures have 2/],
    [["--set", "std=[0, 1, 1]"], /std: expected numbers above 0, found 0, 1, 1/],
    [
      ["--lr", "100000", "--epochs", "5"],
      /epoch 1, (validation|update \d): .* A smaller learning rate, a longer warm-up/,
    ],
  ])("%j is refused", async (args, message) => {
    await refused(train("pictures", ...args), message);
  });

  test("weights of another model are refused, with the names that do not fit", async () => {
    expect((await train("pictures", "--out", "narrow")).status).toBe(0);
    rmSync(join(work, "narrow", "config.json"));
    await refused(
      train("pictures", "--set", "model_kwargs={blocks: 2, width: 4}", "--weights", "narrow/model.safetensors"),
      /^error: .*\n {2}in the model but not in the checkpoint \(\d+\):\n {4}layer1\.1\.conv1\.weight$/m,
    );
  });

  test("there is no run without data or model", async () => {
    await refused(vitrail("train", ...small), /^error: expected pictures to learn from: --data DIR$/m);
    await refused(vitrail("train", "--data", "pictures"), /^error: expected a model to train: --model NAME/m);
  });
});

describe("an --out that is in use", () => {
  test("is not written into, whatever lies there", async () => {
    expect((await train("pictures", "--out", "taken")).status).toBe(0);
    const before = readFileSync(join(work, "taken", "model.safetensors"));
    await refused(
      vitrail("train", "--data", "pictures", ...small, "--out", "taken"),
      /^error: taken holds a finished run of 1 epochs: go on with it \(--resume\), or take another folder$/m,
    );
    expect(readFileSync(join(work, "taken", "model.safetensors"))).toEqual(before);
    plant(join(work, "mine"), { "thesis.tex": "years of work" });
    await refused(
      vitrail("train", "--data", "pictures", ...small, "--out", "mine"),
      /^error: mine holds other files \(thesis\.tex\): take another folder$/m,
    );
    expect(readdirSync(join(work, "mine"))).toEqual(["thesis.tex"]);
    writeFileSync(join(work, "file"), "");
    await refused(vitrail("train", "--data", "pictures", ...small, "--out", "file"), /^error: file/m);
  });
});

describe("a thread of the loader that is killed", () => {
  /** Loaded before the command: ends threads of the loader shortly after they begin. */
  const killer = (most: number) => `
    import workers from "node:worker_threads";
    import { syncBuiltinESMExports } from "node:module";
    const { Worker } = workers;
    let left = ${most};
    workers.Worker = class extends Worker {
      constructor(url, options) {
        super(url, options);
        if (!String(url).includes("loader/worker") || left-- <= 0) return;
        const { postMessage } = this;
        this.postMessage = (message) => {
          postMessage.call(this, message);
          void this.terminate();
        };
      }
    };
    syncBuiltinESMExports();`;
  const killed = (most: number, ...args: string[]): Promise<Result> => {
    const preload = join(work, `killer-${most}.mjs`);
    writeFileSync(preload, killer(most));
    return run(join(out, "vitrail.js"), ["train", "--data", "pictures", ...small, "--epochs", "2", ...args], {
      cwd: work,
      env: { NODE_OPTIONS: `--import ${pathToFileURL(preload).href}` },
    });
  };

  test("is replaced, and nothing of the result changes", async () => {
    const weights = (folder: string) => readFileSync(join(work, folder, "last.safetensors"), "base64");
    const [whole, one] = [await killed(0, "--out", "unharmed"), await killed(1, "--out", "harmed")];
    expect([whole.status, one.status], one.stderr).toEqual([0, 0]);
    expect(weights("harmed")).toBe(weights("unharmed"));
  });

  test("each time: ends the run with a clear word and its last state good", async () => {
    const result = await killed(1000, "--out", "hopeless");
    await refused(
      Promise.resolve(result),
      /^error: a thread of the loader ended with exit code \d+, and so did the one before, while they worked on /m,
    );
    const rest = await vitrail("train", "--resume", "--out", "hopeless");
    expect(rest.status, rest.stderr).toBe(0);
  });
});

/** A tar of small files: a header of 512 bytes each, the content, zeros up to the next 512. */
function tarOf(files: Readonly<Record<string, Uint8Array | string>>): Buffer {
  const blocks: Buffer[] = [];
  for (const [name, content] of Object.entries(files)) {
    const body = Buffer.from(content as Uint8Array);
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write("0000644\0", 100);
    header.write(`${body.length.toString(8).padStart(11, "0")}\0`, 124);
    header.write("        ", 148);
    header.write("0ustar\x0000", 156);
    const sum = header.reduce((a, b) => a + b, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    blocks.push(header, body, Buffer.alloc((512 - (body.length % 512)) % 512));
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}
