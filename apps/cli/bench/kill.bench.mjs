// Kills `vitrail train` with SIGKILL at 100 random moments, goes on with --resume each time, and holds what comes of it against a run
// that was never stopped, byte by byte.
//   npm run bench -- cli-kill          (VITRAIL_KILLS=20 for fewer; a result is recorded for 100 or more)
// Every other moment is counted from the start of the process (before anything is there, while it opens data and compiles), the rest
// from its first step (in steps, of which each saves a state, in validation, while the run is judged at its end). A run that ends
// before it is killed is compared, and another one begun.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeResults } from "@repo/bench";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const command = join(root, "apps/cli/dist/vitrail.js");
const KILLS = Number(process.env.VITRAIL_KILLS ?? 100);
const SEED = 0;
const SIDE = 16;
const LATEST = 1500; // ms after the first step
const EPOCHS = 12;
const SAME = [
  "model.safetensors",
  "last.safetensors",
  "last.optim.safetensors",
  "metrics.jsonl",
  "evaluation.json",
  "wrong.json",
];

/** Numbers from 0 to 1 (mulberry32). */
function random(seed) {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** idx files as MNIST's: noise with stripes, across or along. */
function writeData(folder) {
  mkdirSync(folder);
  const draw = random(1);
  for (const [name, count] of [
    ["train", 64],
    ["t10k", 16],
  ]) {
    const images = Buffer.alloc(16 + count * SIDE * SIDE);
    for (const [at, value] of [0x803, count, SIDE, SIDE].entries()) images.writeUInt32BE(value, 4 * at);
    const labels = Buffer.alloc(8 + count);
    for (const [at, value] of [0x801, count].entries()) labels.writeUInt32BE(value, 4 * at);
    for (let i = 0; i < count; i++) {
      labels[8 + i] = i % 2;
      for (let y = 0; y < SIDE; y++)
        for (let x = 0; x < SIDE; x++) {
          const stripe = (i % 2 ? x : y) % 4 < 2 ? 60 : 0;
          images[16 + (i * SIDE + y) * SIDE + x] = 60 + stripe + Math.floor(120 * draw());
        }
    }
    writeFileSync(join(folder, `${name}-images-idx3-ubyte`), images);
    writeFileSync(join(folder, `${name}-labels-idx1-ubyte`), labels);
  }
}

const work = mkdtempSync(join(tmpdir(), "vitrail-kill-"));
writeData(join(work, "data"));
const settings = ["--set", "model_kwargs={blocks: 1, width: 4}", "--image-size", String(SIDE), "--batch-size", "8"];
settings.push("--epochs", String(EPOCHS), "--lr", "0.02", "--set", "model_ema=true", "--set", "model_ema_decay=0.9");
settings.push("--set", "reprob=0.3", "--save-every", "0");

/** One life of the process: it ends by itself, or is killed so many milliseconds after it began, or after its first step began. */
function life(folder, { afterStart, afterFirstStep } = {}) {
  const args = ["train", "--data", "data", "--model", "resnet20_cifar", ...settings, "--out", folder];
  const began = performance.now();
  const child = spawn(process.execPath, [command, ...args, "--resume", "--json"], { cwd: work });
  const killIn = (ms) => setTimeout(() => child.kill("SIGKILL"), ms);
  let timer = afterStart === undefined ? undefined : killIn(afterStart);
  let stderr = "";
  let said = "";
  let started;
  child.stdout.on("data", (chunk) => {
    said += chunk;
    if (started !== undefined || !said.includes('"event":"start"')) return;
    started = performance.now() - began;
    if (afterFirstStep !== undefined) timer = killIn(afterFirstStep);
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status, signal) => {
      clearTimeout(timer);
      if (signal === null && status !== 0) reject(new Error(`ended with ${status}: ${stderr}`));
      else resolve({ killed: signal === "SIGKILL", started, said, ms: performance.now() - began });
    });
  });
}

const files = (folder) => SAME.map((name) => readFileSync(join(work, folder, name)));
/** Files in which two runs differ. */
const differences = (folder, expected) => {
  const found = files(folder);
  return SAME.filter((_, i) => !found[i].equals(expected[i]));
};

const whole = await life("whole");
const expected = files("whole");
console.log(
  `never stopped: first step after ${(whole.started / 1000).toFixed(1)} s, ${(whole.ms / 1000).toFixed(1)} s in all`,
);

/** What lies in a folder before a life of the process. */
const stateOf = (folder) => {
  const metrics = join(work, folder, "metrics.jsonl");
  return {
    any: existsSync(join(work, folder, "last.optim.safetensors")),
    trained: existsSync(metrics) && readFileSync(metrics, "utf8").split("\n").length - 1 === EPOCHS,
  };
};

const draw = random(SEED);
const killed = { beforeItsFirstStep: 0, inTraining: 0, afterTheLastEpoch: 0 };
const wentOn = { fromAState: 0, fromTheStart: 0 };
const different = [];
let [kills, runs, wasKilled] = [0, 1, false];
for (let last = false; !last; ) {
  const folder = `run-${runs}`;
  const before = stateOf(folder);
  if (wasKilled) wentOn[before.any ? "fromAState" : "fromTheStart"]++;
  const moment = draw();
  const kill = kills % 2 ? { afterFirstStep: LATEST * moment } : { afterStart: whole.started * moment };
  const one = await life(folder, kills < KILLS ? kill : {});
  wasKilled = one.killed;
  if (one.killed) {
    kills++;
    if (before.trained || one.said.includes(`"event":"epoch","epoch":${EPOCHS - 1}`)) killed.afterTheLastEpoch++;
    else killed[one.started === undefined ? "beforeItsFirstStep" : "inTraining"]++;
    continue;
  }
  const found = differences(folder, expected);
  if (found.length > 0) different.push({ run: runs, files: found });
  console.log(
    `run ${runs}: ${kills} kills so far, ${found.length > 0 ? `other bytes in ${found.join(", ")}` : "the same bytes"}`,
  );
  last = kills >= KILLS;
  runs++;
}
rmSync(work, { recursive: true, force: true });

const found = {
  work: "vitrail train, ResNet of 3 blocks on 64 pictures of 16 x 16, a state saved after each of 96 updates; SIGKILL at random moments",
  seed: SEED,
  kills,
  killed,
  wentOn,
  runs: runs - 1,
  compared: SAME,
  different,
};
console.log(`${kills} kills ${JSON.stringify(killed)}, ${runs - 1} runs, ${different.length} of them with other bytes`);
if (KILLS >= 100) writeResults("train-kill", [found]);
process.exitCode = different.length === 0 ? 0 : 1;
