import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ort from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundleCommand } from "./bundle.ts";
import { type Result, run } from "./run.ts";

const photo = (name: string) => fileURLToPath(new URL(`../photos/${name}`, import.meta.url));
const names = ["chelsea.png", "rocket.jpg", "coffee.png", "astronaut.png"];
const box = ["--model", "resnet20_cifar"];

let out: string;
let work: string;
const vitrail = (...args: string[]): Promise<Result> => run(join(out, "vitrail.js"), args, { cwd: work });

beforeAll(async () => {
  out = await bundleCommand();
  work = mkdtempSync(join(tmpdir(), "vitrail-engine-"));
  mkdirSync(join(work, "фото ü 猫"));
  for (let i = 0; i < 12; i++) copyFileSync(photo(names[i % 4] as string), join(work, "фото ü 猫", `${i}.img`));
  mkdirSync(join(work, "empty"));
});
afterAll(() => rmSync(work, { recursive: true }));

/** One plain error, nothing else. */
function expectError({ status, stdout, stderr }: Result, message: RegExp | string): void {
  expect(stdout).toBe("");
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/^ +at /m);
  expect(status).toBe(1);
}

describe("vitrail classify --engine", () => {
  test("answers the same on each engine and in each precision", async () => {
    const ask = async (...more: string[]) => {
      const { stdout, stderr } = await vitrail(
        "classify",
        ...box,
        "--json",
        "--top",
        "1",
        photo("chelsea.png"),
        ...more,
      );
      expect(stderr).not.toContain("error");
      return JSON.parse(stdout)[0].predictions[0];
    };
    const { label, probability } = await ask("--engine", "tfjs");
    expect(label).toBe("cat");
    for (const named of [
      ["--engine", "auto"],
      ["--engine", "ort"],
      ["--engine", "ort-web"],
      ["--provider", "cpu"],
    ]) {
      expect((await ask(...named)).probability).toBeCloseTo(probability, 4);
    }
    expect((await ask("--precision", "fp16")).probability).toBeCloseTo(probability, 2);
    expect((await ask("--precision", "int8", "--calibrate", "фото ü 猫")).label).toBe("cat");
  });

  test.each<[string[], RegExp]>([
    [["--engine", "cuda"], /argument 'cuda' is invalid. Allowed choices are auto, ort, ort-web, tfjs/],
    [["--precision", "int4"], /Allowed choices are fp32, fp16, int8/],
    [["--engine", "ort", "--backend", "cpu"], /backend cpu is one of engine tfjs, found engine ort/],
    [["--provider", "gpu"], /argument 'gpu' is invalid. Allowed choices are auto, cpu, cuda, coreml, dml, webgpu/],
    [["--provider", "cpu", "--engine", "tfjs"], /provider cpu is one of engines ort and ort-web, found engine tfjs/],
    [["--provider", "coreml"], /engine auto with provider coreml does not start: ort \(coreml\): .+/],
    [["--backend", "wasm", "--precision", "int8"], /precision int8 needs engine ort or ort-web/],
    [["--precision", "int8"], /convolutions do most of this model's work and need calibration/],
    [["--precision", "int8", "--calibrate", "empty"], /--calibrate empty: no images directly in this folder/],
    [["--precision", "int8", "--calibrate", "absent"], /--calibrate absent: no such file or folder/],
  ])("%j is refused", async (args, message) => {
    expectError(await vitrail("classify", ...box, photo("chelsea.png"), ...args), message);
  });
});

describe("vitrail export", () => {
  test("writes a file with any batch size that other runtimes read, in a folder of any name", async () => {
    const file = join("фото ü 猫", "a b#1%20.onnx");
    const { status, stdout } = await vitrail(
      "export",
      "resnet20_cifar",
      "--out",
      file,
      "--dynamic-batch",
      "--opset",
      "17",
    );
    expect(status).toBe(0);
    expect(stdout).toContain("4.3 MB, fp32, opset 17, input [N, 32, 32, 3]");
    const session = await ort.InferenceSession.create(join(work, file));
    expect(session.inputMetadata[0]).toMatchObject({ name: "input", shape: ["N", 32, 32, 3] });
    const { output } = await session.run({
      input: new ort.Tensor("float32", new Float32Array(3 * 3072), [3, 32, 32, 3]),
    });
    expect(output?.dims).toEqual([3, 10]);
    await session.release();
    // the classes travel with it, as ONNX's metadata_props
    const bytes = readFileSync(join(work, file)).toString("latin1");
    expect(bytes).toMatch(/label_names.{1,4}\["airplane","automobile",.*"truck"\]/s);
    expect(bytes).toContain('"mean":[0.4914,0.4822,0.4465]');
  });

  test("int8 says what it costs on photos that calibration did not see, and replaces a file that is there only when told to", async () => {
    writeFileSync(join(work, "small.onnx"), "old");
    const args = ["--out", "small.onnx", "--precision", "int8", "--calibrate", "фото ü 猫", "--json"];
    expectError(
      await vitrail("export", "resnet20_cifar", ...args),
      "--out small.onnx: there is such a file; give --force",
    );
    const result = await vitrail("export", "resnet20_cifar", ...args, "--force");
    expect(result.status).toBe(0);
    const row = JSON.parse(result.stdout);
    expect(row).toMatchObject({ precision: "int8", opset: 20, input: [1, 32, 32, 3], weights: null });
    expect(row.agreement).toMatchObject({ of: 3, heldOut: true });
    expect(row.bytes).toBe(readFileSync(join(work, "small.onnx")).length);
    expect(row.bytes).toBeLessThan(1_200_000);
  });

  test("prunes, with random weights, and half precision halves the file", async () => {
    const args = ["export", "vit_tiny_patch16_224", "--weights", "none", "--precision", "fp16", "--prune", "0.5"];
    const { stdout } = await vitrail(...args, "--out", "pruned.onnx");
    expect(stdout).toMatch(/11\.\d MB, fp16/);
    expect(stdout).toContain("50.0 % of each layer's weights are zero");
  });

  test.each<[string[], RegExp]>([
    [[], /required option '-o, --out <file>' not specified/],
    [["--out", "x.onnx", "--opset", "12"], /opset 12: expected a whole number from 13 to 22/],
    [["--out", "absent/x.onnx"], /its folder does not exist: make it first/],
    [["--out", "empty"], /it is a folder; give the name of a file in it/],
    [["--out", "x.onnx", "--precision", "half"], /Allowed choices are fp32, fp16, int8/],
    [["--out", "x.onnx", "--precision", "int8"], /give a folder of photos with --calibrate DIR/],
    [["--out", "x.onnx", "--precision", "int8", "--calibrate", "empty"], /no images directly in this folder/],
    [["--out", "x.onnx", "--calibrate", "фото ü 猫"], /--calibrate goes with --precision int8/],
    [["--out", "x.onnx", "--agreement", "98"], /It must be a share from 0 to 1/],
    [["--out", "x.onnx", "--weights", "absent"], /absent/],
  ])("%j is refused, and leaves nothing behind", async (args, message) => {
    expectError(await vitrail("export", "resnet20_cifar", ...args), message);
    expect(existsSync(join(work, "x.onnx"))).toBe(false);
    expect(readdirSync(work).filter((name) => name.startsWith("."))).toEqual([]);
  });

  test("a model that there is not offers the nearest", async () => {
    expectError(await vitrail("export", "resnet21", "--out", "x.onnx"), /Did you mean resnet/);
  });
});

describe("vitrail benchmark", () => {
  test.each<[string, string[]]>([
    ["ort", []],
    ["ort-web", ["--engine", "ort-web"]],
    ["ort", ["--train", "--batch", "2"]],
  ])("measures %s %j", async (engine, args) => {
    const { status, stdout } = await vitrail("benchmark", ...box, "--seconds", "1", "--json", ...args);
    expect(status).toBe(0);
    const { results } = JSON.parse(stdout);
    expect(results).toHaveLength(1);
    const [row] = results;
    expect(row).toMatchObject({
      model: "resnet20_cifar",
      engine,
      batch: args.includes("--batch") ? 2 : 1,
      mode: args.includes("--train") ? "training" : "inference",
    });
    for (const key of ["imagesPerSecond", "msP50", "msP95", "gflops", "peakFraction"])
      expect(row[key]).toBeGreaterThan(0);
    expect(row.msP95).toBeGreaterThanOrEqual(row.msP50);
  });

  test.each<[string[], RegExp]>([
    [["--engine", "ort", "--backend", "cpu"], /--backend cpu is one of engine tfjs/],
    [
      ["--backend", "cpu", "--provider", "cuda"],
      /--provider cuda is one of engines ort and ort-web: leave --backend cpu/,
    ],
    [["--train", "--precision", "int8"], /--train computes in fp32/],
    [["--batch", "0"], /whole number above 0/],
    [["--model", "resnet21"], /no model is called "resnet21"/],
  ])("%j is refused", async (args, message) => {
    expectError(await vitrail("benchmark", ...box, ...args), message);
  });
});

describe("start-up", () => {
  test("loads no engine before a command asks for one", async () => {
    for (const file of readdirSync(out).filter((name) => name.startsWith("vitrail"))) {
      expect(readFileSync(join(out, file), "utf8")).not.toMatch(/^import .*(onnxruntime|benchmark|measure)/m);
    }
  });
});
