import { spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { shared } from "@repo/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundleCommand } from "./bundle.ts";
import { type Result, run } from "./run.ts";

const photo = (name: string) => fileURLToPath(new URL(`../photos/${name}`, import.meta.url));
const cat = photo("chelsea.png");
const rocket = photo("rocket.jpg");
const vit = shared("hub/timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k");

let out: string;
let work: string;
const vitrail = (...args: string[]): Promise<Result> => run(join(out, "vitrail.js"), args, { cwd: work });

interface Answer {
  file: string;
  model?: string;
  error?: string;
  known?: boolean;
  predictions?: { label: string; index: number; probability: number }[];
}
const answers = (result: Result) => JSON.parse(result.stdout) as Answer[];

beforeAll(async () => {
  out = await bundleCommand();
  work = mkdtempSync(join(tmpdir(), "vitrail-cli-"));
  const folder = join(work, "фото ü 猫", "a b#1%20");
  mkdirSync(join(folder, "subfolder"), { recursive: true });
  mkdirSync(join(work, "empty"));
  copyFileSync(cat, join(folder, "b cat.jpg")); // a PNG: the kind is told by content
  copyFileSync(rocket, join(folder, "a"));
  copyFileSync(rocket, join(folder, ".hidden.jpg"));
  copyFileSync(rocket, join(folder, "subfolder", "c.jpg"));
  writeFileSync(join(folder, "notes.jpg"), "no photo");
  writeFileSync(join(folder, "list.txt"), "no photo");
  writeFileSync(join(work, "half.jpg"), readFileSync(rocket).subarray(0, 50_000));
  writeFileSync(join(work, "zero.jpg"), "");
  writeFileSync(join(work, "--top"), readFileSync(cat));
});
afterAll(() => rmSync(work, { recursive: true }));

describe("vitrail classify", () => {
  test("without more uses the model in the box, and says which ten things that knows and how to use another", async () => {
    const { status, stdout, stderr } = await vitrail("classify", cat);
    expect(status).toBe(0);
    expect(stdout).toContain(cat);
    expect(stdout).toMatch(/^ +9\d\.\d\d % {2}cat$/m);
    expect(stdout.trim().split("\n")).toHaveLength(6);
    expect(stderr).toContain("airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck");
    expect(stderr).toContain("--weights");
  });

  test("takes a folder's images by content and in name order, counts other files, keeps the order of arguments", async () => {
    const folder = join("фото ü 猫", "a b#1%20");
    const result = await vitrail("classify", rocket, folder, cat, "--json", "--top", "1");
    expect(result.status).toBe(0);
    expect(answers(result).map(({ file, predictions }) => [file, predictions?.map(({ label }) => label)])).toEqual([
      [rocket, ["ship"]],
      [join(folder, "a"), ["ship"]],
      [join(folder, "b cat.jpg"), ["cat"]],
      [cat, ["cat"]],
    ]);
    expect(result.stderr).toContain(`${folder}: 2 other files passed over`);
  });

  test("takes file URLs", async () => {
    const url = pathToFileURL(join(work, "фото ü 猫", "a b#1%20", "b cat.jpg")).href;
    expect(answers(await vitrail("classify", "--json", url))[0]).toMatchObject({ file: url, known: true });
  });

  test("a file that fails is an entry with its error, the rest go on, and the status is 1", async () => {
    const names = ["missing.jpg", cat, "half.jpg", "zero.jpg", "empty", "фото ü 猫/a b#1%20/list.txt"];
    const result = await vitrail("classify", "--json", ...names);
    expect(result.status).toBe(1);
    const rows = answers(result);
    expect(rows.map(({ file }) => file)).toEqual(names);
    expect(rows[1]?.predictions).toHaveLength(5);
    expect(rows.map(({ error }) => error)).toEqual([
      expect.stringMatching(/no such file/),
      undefined,
      expect.stringMatching(/^a damaged or cut JPEG/),
      expect.stringMatching(/empty/),
      expect.stringMatching(/no images/),
      expect.stringMatching(/^expected JPEG, PNG/),
    ]);
    expect(result.stderr).not.toMatch(/^ +at /m);
  });

  test("errors of people-readable output go to stderr", async () => {
    const { status, stdout, stderr } = await vitrail("classify", "missing.jpg", cat);
    expect(status).toBe(1);
    expect(stdout).not.toContain("missing.jpg");
    expect(stderr).toContain("error: missing.jpg: no such file or folder");
  });

  test("more photos than a thread is worth give the same answers, in order", async () => {
    const many = Array.from({ length: 6 }, (_, i) => (i % 2 ? cat : rocket));
    const result = await vitrail("classify", "--json", "--top", "1", ...many);
    expect(answers(result).map(({ predictions }) => predictions?.[0]?.label)).toEqual(
      many.map((file) => (file === cat ? "cat" : "ship")),
    );
  });

  test("more classes than there are gives all of them", async () => {
    expect(answers(await vitrail("classify", "--json", "--top", "5000", cat))[0]?.predictions).toHaveLength(10);
  });

  test("a photo over --max-pixels is refused, and the option named", async () => {
    const result = await vitrail("classify", "--json", "--max-pixels", "100", cat);
    expect(result.status).toBe(1);
    expect(answers(result)[0]?.error).toContain("--max-pixels");
  });

  test("reads a photo from stdin for -, and names that look like options after --", async () => {
    const args = ["classify", "--json", "-"];
    const result = await run(join(out, "vitrail.js"), args, { input: readFileSync(cat), cwd: work });
    expect(answers(result)[0]?.predictions?.[0]?.label).toBe("cat");
    const dashes = await vitrail("classify", "--json", "--", "--top");
    expect(answers(dashes)[0]).toMatchObject({ file: "--top", model: "resnet20_cifar" });
  });

  test.each<[string, string[], RegExp]>([
    [
      "an unknown model offers the nearest names",
      ["--model", "vit_tiny_patch16_24"],
      /Did you mean vit_tiny_patch16_224/,
    ],
    ["a model whose weights nobody publishes", ["--model", "resnet110_cifar"], /give yours with --weights/],
    ["weights that are not there", ["--weights", "no/such/folder"], /no\/such\/folder/],
    ["weights that are a photo", ["--weights", cat], /image/],
    ["an unknown backend lists those there are", ["--backend", "gpu"], /tfjs-node, .*wasm, cpu/],
    ["a backend that is not installed says how", ["--backend", "tfjs-node"], /npm install @tensorflow\/tfjs-node@/],
    ["an unknown option offers the nearest", ["--tpo", "3"], /unknown option '--tpo'\n.*--top/],
    ["a number that is none", ["--top", "0"], /--top.*above 0/],
    ["a limit that is none", ["--max-pixels", "1e6"], /--max-pixels.*above 0/],
  ])("%s: one plain error, status 1, nothing on stdout", async (_, args, message) => {
    const { status, stdout, stderr } = await vitrail("classify", cat, ...args);
    expect(status).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^error: /m);
    expect(stderr).not.toMatch(/^ +at /m);
  });

  test("no photo at all is an error", async () => {
    expect(await vitrail("classify")).toMatchObject({ status: 1, stderr: expect.stringContaining("image|folder") });
  });
});

describe.skipIf(!vit)("vitrail classify with real ImageNet weights (skipped without ../shared/hub)", () => {
  test("is right about the cat and the espresso, by the folder's own config", async () => {
    const result = await vitrail("classify", "--weights", vit as string, "--json", cat, photo("coffee.png"));
    expect(result).toMatchObject({ status: 0, stderr: "" });
    const [first, second] = answers(result);
    expect(first?.model).toBe("vit_tiny_patch16_224");
    expect(first?.predictions?.[0]).toMatchObject({ label: "Egyptian cat", index: 285 });
    expect(first?.predictions?.[0]?.probability).toBeCloseTo(0.8128, 4);
    expect(second?.predictions?.[0]?.label).toBe("espresso");
    expect(second?.predictions?.[0]?.probability).toBeCloseTo(0.938, 4);
    expect(first).not.toHaveProperty("known");
  });

  test("a bare file needs --model, and then says that it takes the default preprocessing", async () => {
    const file = join(vit as string, "model.safetensors");
    const alone = await vitrail("classify", "--weights", file, cat);
    expect(alone).toMatchObject({ status: 1, stdout: "", stderr: expect.stringContaining("--model NAME") });
    const named = await vitrail("classify", "--weights", file, "--model", "vit_tiny_patch16_224", "--top=1", cat);
    expect(named.stdout).toContain("81.28 %  Egyptian cat");
    expect(named.stderr).toMatch(/default.*224 × 224 bicubic/);
  });

  test("another model's checkpoint is one error that lists what does not fit", async () => {
    const { status, stderr } = await vitrail("classify", "--weights", vit as string, "--model", "resnet18", cat);
    expect(status).toBe(1);
    expect(stderr).toContain("conv1.weight");
    expect(stderr).toContain("blocks.0.attn.proj.bias");
    expect(stderr).not.toMatch(/^ +at /m);
  });
});

describe("output", () => {
  test("has colours where they are forced, none under NO_COLOR, none when piped", async () => {
    const color = async (env: NodeJS.ProcessEnv) => {
      const { stdout } = await run(join(out, "vitrail.js"), ["classify", cat], { env });
      return stdout.includes("\u001b[");
    };
    expect(await color({})).toBe(false);
    expect(await color({ CI: "1" })).toBe(false);
    expect(await color({ FORCE_COLOR: "1" })).toBe(true);
    expect(await color({ FORCE_COLOR: "1", NO_COLOR: "1" })).toBe(false);
  });

  test("a closed pipe is no error", async () => {
    const child = spawn(process.execPath, [join(out, "vitrail.js"), "models", "--json"]);
    child.stdout.destroy();
    const stderr: Buffer[] = [];
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    const status = await new Promise((resolve) => child.on("close", resolve));
    expect(Buffer.concat(stderr).toString()).toBe("");
    expect(status).toBe(0);
  });

  test("--version and --help need nothing heavy", async () => {
    expect((await vitrail("--version")).stdout).toMatch(/^\d+\.\d+\.\d+/);
    expect((await vitrail("--help")).stdout).toContain("classify");
    expect((await vitrail("classify", "--help")).stdout).toContain("--max-pixels");
    const entry = readFileSync(join(out, "vitrail.js"), "utf8");
    expect(entry).not.toMatch(/^import .*(tensor|sharp|commands)/m);
    expect(await vitrail()).toMatchObject({ status: 1 });
    expect(await vitrail("clasify")).toMatchObject({ status: 1, stderr: expect.stringContaining("classify") });
  });
});

describe("vitrail models", () => {
  test("lists name, size, input and checkpoints as JSON", async () => {
    const rows = JSON.parse((await vitrail("models", "--json", "--filter", "vit_tiny_patch16_224")).stdout);
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ name: "vit_tiny_patch16_224", params: 5_717_416, input: [3, 224, 224] });
    expect(rows[0].gmacs).toBeCloseTo(1.26, 1);
    expect(rows[0].checkpoints[0]).toMatchObject({ top1: 75.452, license: "apache-2.0", source: expect.any(String) });
    expect(rows[0].checkpoints[0]).toMatchObject({
      hubId: "timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k",
      paper: "https://arxiv.org/abs/2106.10270",
      preprocess: { interpolation: "bicubic", cropPct: 0.9, mean: [0.5, 0.5, 0.5] },
    });
  });

  test("prints a table, and says when nothing matches", async () => {
    const { stdout } = await vitrail("models", "--filter", "RESNET*");
    expect(stdout).toMatch(/^resnet18 +11\.7 M/m);
    expect(stdout).toMatch(/^resnet20_cifar .*in the box/m);
    expect(stdout).not.toContain("vit_tiny_patch16_224");
    expect(await vitrail("models", "--filter", "nothing*")).toMatchObject({ status: 0, stdout: "" });
  });
});

describe("vitrail info", () => {
  test("tells a folder's config and tensors, and as JSON", async () => {
    const box = fileURLToPath(new URL("../../../packages/weights-cifar10", import.meta.url));
    const { stdout, status } = await vitrail("info", box);
    expect(status).toBe(0);
    expect(stdout).toMatch(/model +resnet20_cifar/);
    expect(stdout).toMatch(/^conv1\.weight +F16 +\[32, 3, 3, 3\]$/m);
    const info = JSON.parse((await vitrail("info", "--json", join(box, "model.safetensors"))).stdout);
    expect(info).toMatchObject({ format: "safetensors", config: null });
    expect(info.tensors).toContainEqual({ name: "fc.weight", dtype: "F16", shape: [10, 128] });
  });

  test("a file that is no checkpoint is one plain error", async () => {
    for (const path of [cat, "zero.jpg", "missing.safetensors", "empty"]) {
      const { status, stdout, stderr } = await vitrail("info", path);
      expect([status, stdout]).toEqual([1, ""]);
      expect(stderr).toMatch(/^error: .+\n$/);
    }
  });
});

describe("the demo", () => {
  test("prints a line a photo: file, label, probability", async () => {
    const { status, stdout } = await run(join(out, "demo.js"), []);
    expect(status).toBe(0);
    const lines = stdout.trim().split("\n");
    expect(lines.map((line) => line.split(/ +/)[0])).toEqual([
      "astronaut.png",
      "chelsea.png",
      "coffee.png",
      "rocket.jpg",
    ]);
    for (const line of lines) expect(line).toMatch(/^\S+ +[a-z]+ +\d+\.\d\d %/);
    expect(lines[1]).toMatch(/chelsea\.png +cat /);
  });
});
