import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundleCommand } from "./bundle.ts";
import { coloured, plant, twoColours } from "./coloured.ts";
import { type Result, run } from "./run.ts";

let out: string;
let work: string;
const vitrail = (...args: string[]): Promise<Result> => run(join(out, "vitrail.js"), args, { cwd: work });

/** Augmentation, averages, momentum: all that has a state. A state is saved after each update. */
const settings = [
  ...["--data", "pictures", "--model", "resnet20_cifar", "--set", "model_kwargs={blocks: 1, width: 4}"],
  ...["--image-size", "16", "--epochs", "10", "--batch-size", "4", "--lr", "0.02", "--set", "model_ema=true"],
  ...["--set", "model_ema_decay=0.9", "--set", "reprob=0.3", "--set", "color_jitter=0.4", "--save-every", "0"],
];

/** What is alike, to the last bit. */
const SAME = ["model.safetensors", "last.safetensors", "last.optim.safetensors", "metrics.jsonl", "evaluation.json"];
const digest = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");
const bits = (folder: string) => Object.fromEntries(SAME.map((name) => [name, digest(join(work, folder, name))]));

/** Runs the command, and calls `look` with all that it has said whenever it says more. */
function spawned(args: readonly string[], look: (said: string, child: ChildProcess) => void): Promise<Result> {
  const child = spawn(process.execPath, [join(out, "vitrail.js"), "train", ...args], {
    cwd: work,
    env: { ...process.env, HF_ENDPOINT: "http://127.0.0.1:2", NO_COLOR: "1" },
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
    look(stdout + stderr, child);
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
    look(stdout + stderr, child);
  });
  look("", child);
  return new Promise((resolve) => {
    child.on("close", (status) => resolve({ status, stdout, stderr }));
  });
}

/** Ends the command with a signal after so many milliseconds, or once it has said something. */
function stopped(signal: NodeJS.Signals, after: number | RegExp, ...args: string[]): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  return spawned(args, (said, child) => {
    if (typeof after !== "number" && !after.test(said)) return;
    timer ??= setTimeout(() => child.kill(signal), typeof after === "number" ? after : 0); // once
  }).finally(() => clearTimeout(timer));
}

beforeAll(async () => {
  out = await bundleCommand(".vitrail-resume"); // its own: it must not change between a run and its resumption
  work = mkdtempSync(join(tmpdir(), "vitrail-resume-"));
  plant(join(work, "pictures"), twoColours({ train: 20, val: 4 }));
  const whole = await vitrail("train", ...settings, "--out", "whole");
  expect(whole.status, whole.stderr).toBe(0);
});
afterAll(() => {
  rmSync(work, { recursive: true });
  rmSync(out, { recursive: true });
});

describe("vitrail train --resume", () => {
  test("ends with the same bits as a run that was never stopped, killed at any moment", async () => {
    const moments = Array.from({ length: 6 }, () => Math.round(200 + 1800 * Math.random()));
    for (const moment of moments) await stopped("SIGKILL", moment, ...settings, "--resume", "--out", "killed");
    const last = await vitrail("train", ...settings, "--resume", "--out", "killed");
    expect(last.status, last.stderr).toBe(0);
    expect(bits("killed"), `killed after ${moments.join(", ")} ms`).toEqual(bits("whole"));
  });

  test("killed before the first state, it starts again", async () => {
    const args = settings.slice(0, -2); // a state after each epoch only
    await stopped("SIGKILL", /^steps by /m, ...args, "--out", "early");
    expect(existsSync(join(work, "early", "last.safetensors"))).toBe(false);
    const result = await vitrail("train", "--resume", "--out", "early");
    expect(result.status, result.stderr).toBe(0);
    expect(result.stderr).not.toContain("going on after");
    expect(bits("early")).toEqual(bits("whole"));
  });

  test.skipIf(process.platform === "win32")("Ctrl-C saves, ends with 130, and says how to go on", async () => {
    const result = await stopped("SIGINT", /^epoch 2\/10/m, ...settings, "--out", "stopped");
    expect(result.status, result.stderr).toBe(130);
    expect(result.stderr).toMatch(/^stopping after this step, to save what was learned; once more ends at once$/m);
    const [, update] =
      /^stopped in epoch \d+, after update (\d+); go on with: vitrail train --resume --out stopped$/m.exec(
        result.stderr,
      ) as RegExpExecArray;
    const rest = await vitrail("train", "--resume", "--out", "stopped", "--json");
    expect(rest.status, rest.stderr).toBe(0);
    const start = rest.stdout.split("\n").map((line) => line && JSON.parse(line))[1];
    expect(start).toMatchObject({ event: "start", updates: Number(update) });
    expect(bits("stopped")).toEqual(bits("whole"));
  });

  test.skipIf(process.platform === "win32")(
    "a second Ctrl-C ends at once, in silence, and loses only the step",
    async () => {
      const sent = new Set<string>();
      const once = (child: ChildProcess, why: string) => {
        if (!sent.has(why)) child.kill("SIGINT");
        sent.add(why);
      };
      const result = await spawned([...settings, "--out", "twice"], (said, child) => {
        if (/^epoch 2\/10/m.test(said)) once(child, "after an epoch");
        if (/once more ends at once$/m.test(said)) once(child, "while it stops");
      });
      expect([...sent]).toHaveLength(2);
      expect(result.stderr.trimEnd()).toMatch(/once more ends at once(\nstopped in epoch .*)?$/); // as fast as it may be
      const rest = await vitrail("train", "--resume", "--out", "twice");
      expect(rest.status, rest.stderr).toBe(0);
      expect(bits("twice")).toEqual(bits("whole"));
    },
  );

  // a transformer, with all that is picked for it: stochastic depth, mixed pictures, RandAugment
  test.each([
    ["full", {}],
    ["linear", { engine: "tfjs" }],
    ["lora", { provider: "cpu" }],
  ])(
    "holds for --mode %s, whatever part of the model its state is of, on the engine that it was begun with",
    async (mode, choice) => {
      const vit = "model_kwargs={patch_size: 4, embed_dim: 12, depth: 2, num_heads: 2}";
      const model = ["--model", "vit_tiny_patch16_224", "--weights", "none", "--image-size", "16", "--set", vit];
      const engine = Object.entries(choice).flatMap(([name, value]) => [`--${name}`, value]);
      const args = ["--data", "pictures", ...model, "--mode", mode, "--epochs", "3", "--lr", "0.01", ...engine];
      const whole = await vitrail("train", ...args, "--out", `${mode}-whole`);
      expect(whole.status, whole.stderr).toBe(0);
      await stopped("SIGKILL", /^epoch 1\/3/m, ...args, "--save-every", "0", "--out", mode);
      const rest = await vitrail("train", "--resume", "--out", mode);
      expect(rest.status, rest.stderr).toBe(0);
      expect(rest.stderr).toMatch(/^steps by .*, going on after update \d+/m);
      if ("engine" in choice) expect(rest.stderr).toMatch(/^steps by tfjs: /m);
      const starts = JSON.parse(readFileSync(join(work, mode, "environment.json"), "utf8"));
      expect(starts).toEqual([expect.objectContaining(choice), expect.objectContaining(choice)]);
      expect(bits(mode)).toEqual(bits(`${mode}-whole`));
      if (mode === "full") return;
      const best = (folder: string) => digest(join(work, folder, "best.safetensors"));
      expect(best(mode)).toEqual(best(`${mode}-whole`));
    },
  );

  test("of a finished run it judges once more, and says the same", async () => {
    const before = readdirSync(join(work, "whole")).sort();
    const result = await vitrail("train", "--resume", "--out", "whole");
    expect(result.status, result.stderr).toBe(0);
    expect(readdirSync(join(work, "whole")).sort()).toEqual(before);
  });

  test("with other settings, classes or pictures it is refused, and each difference named", async () => {
    const refused = async (message: RegExp, ...args: string[]) => {
      const before = bits("whole");
      const { status, stderr } = await vitrail("train", "--resume", "--out", "whole", ...args);
      expect([status, stderr]).toEqual([1, expect.stringMatching(message)]);
      expect(stderr).toContain("whole holds a run with other settings; go on with its own, or take another folder:");
      expect(bits("whole")).toEqual(before);
    };
    await refused(/^ {2}recipe\.lr: was 0\.02, is 0\.1$/m, "--lr", "0.1");
    await refused(/^ {2}recipe\.epochs: was 10, is 11$/m, "--epochs", "11");
    plant(join(work, "more"), { ...twoColours({ train: 20, val: 4 }), "train/red/extra.png": coloured("red", 999) });
    await refused(/^ {2}pictures\.train\.images: was 40, is 41$/m, "--data", "more");
    plant(join(work, "other"), twoColours({ train: 20, val: 4 }, ["green", "red"]));
    await refused(/^ {2}pictures\.classes: was \["blue","red"\], is \["green","red"\]$/m, "--data", "other");
  });

  test.skipIf(!existsSync("/dev/full"))("a full disk ends it with the last state whole", async () => {
    // Loaded before the command: the seventh state goes to a device that takes no byte, as no space is left.
    const preload = join(work, "full.mjs");
    writeFileSync(
      preload,
      `import files from "node:fs/promises";
      import { syncBuiltinESMExports } from "node:module";
      const { open } = files;
      let states = 0;
      files.open = (path, ...more) =>
        open(String(path).endsWith("last.optim.safetensors.next") && ++states === 7 ? "/dev/full" : path, ...more);
      syncBuiltinESMExports();`,
    );
    const env = { NODE_OPTIONS: `--import ${pathToFileURL(preload).href}` };
    const result = await run(join(out, "vitrail.js"), ["train", ...settings, "--out", "no-space"], { cwd: work, env });
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(
      /^error: no-space\/last\.optim\.safetensors: no space is left on the disk; what was saved before is whole$/m,
    );
    const rest = await vitrail("train", "--resume", "--out", "no-space");
    expect(rest.status, rest.stderr).toBe(0);
    expect(rest.stderr).toContain("going on after update 6 of ");
    expect(bits("no-space")).toEqual(bits("whole"));
  });

  test("a file of the run that is damaged is named", async () => {
    await stopped("SIGKILL", /^epoch 1\/10/m, ...settings, "--out", "damaged");
    const path = join(work, "damaged", "last.safetensors");
    writeFileSync(path, readFileSync(path).subarray(0, 500));
    const result = await vitrail("train", "--resume", "--out", "damaged");
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(/^error: damaged\/last\.safetensors cannot be read: /m);
    writeFileSync(join(work, "damaged", "args.yaml"), "a: [1");
    const worse = await vitrail("train", "--resume", "--out", "damaged");
    expect(worse.stderr).toMatch(/^error: damaged\/args\.yaml cannot be read .*is damaged a run\?$/m);
  });

  test("asks which run", async () => {
    const result = await vitrail("train", "--resume");
    expect([result.status, result.stderr]).toEqual([
      1,
      "error: --resume goes on with a run: say which with --out runs/NAME\n",
    ]);
  });
});
