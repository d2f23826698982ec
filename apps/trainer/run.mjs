/**
 * Runs a recipe with `vitrail train`, and writes what came of it into the recipe's file.
 *   npm run trainer -- resnet20-cifar10                       recipes/resnet20-cifar10.yaml into runs/resnet20-cifar10
 *   npm run trainer -- resnet20-cifar10 --resume              after a stop
 *   npm run trainer -- path/to/recipe.yaml --data DIR --seed 1   any options of vitrail train
 */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parse, stringify } from "yaml";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../..");
/** Options that change where a run is, not what comes of it. */
const PLACES = ["--data", "--out", "--weights"];

const [name, ...options] = process.argv.slice(2);
const file = [name, join(here, "recipes", `${name}.yaml`), join(here, "recipes", `${name}`)].find(isFile);
if (file === undefined) {
  console.error(`expected a recipe (a file, or a name of apps/trainer/recipes), found ${name ?? "none"}`);
  process.exit(1);
}
process.on("SIGINT", () => {}); // vitrail saves what was learned, and says so
const recipe = parse(readFileSync(file, "utf8")) ?? {};
// A place in a recipe is as seen from the repository, one in an option from where the command is given.
const data = valueAfter("--data") ?? (recipe.data === undefined ? undefined : resolve(root, recipe.data));
const out = valueAfter("--out") ?? join("runs", basename(file, ".yaml"));
const places = Object.entries({ "--data": data, "--out": out })
  .filter(([option, value]) => value !== undefined && !options.includes(option))
  .flat();

const earlier = secondsOf(); // of a run that this one goes on with
const began = performance.now();
process.exitCode = await vitrail("train", "--recipe", file, ...options, ...places);
if (process.exitCode === 0) await record(earlier + (performance.now() - began) / 1000);

/** Appends an entry to `obtained`, and leaves the rest of the file as it is. */
async function record(seconds) {
  const { recipe: settings } = parse(read("args.yaml"));
  const validation = JSON.parse(read("evaluation.json"));
  const test = await onTest(settings);
  const changed = options.filter(
    (word, i) => word !== "--resume" && ![word, options[i - 1]].some((one) => PLACES.includes(one)),
  );
  const entry = {
    score: round((test ?? validation).top1),
    of: test ? `${test.images} test pictures` : `${validation.images} validation pictures`,
    ...(test ? { validation: round(validation.top1) } : {}),
    epochs: `${lines("metrics.jsonl").findLastIndex(({ best }) => best) + 1} of ${settings.epochs}`,
    time: duration(seconds),
    seed: settings.seed,
    commit: await commit(),
    engine: lines("timing.jsonl").at(-1)?.engine,
    cores: cpus().length,
    ...(changed.length > 0 ? { options: changed.join(" ") } : {}),
  };
  writeFileSync(file, withEntry(readFileSync(file, "utf8"), entry));
  console.log(`${file}: ${entry.score} of ${entry.of}, written down`);
}

/** The text with one more entry of `obtained`, its last key; everything else stays as people wrote it. */
function withEntry(text, entry) {
  const keys = Object.keys(parse(text) ?? {});
  const added = stringify([entry]).replace(/^(?=.)/gm, "  ");
  if (!keys.includes("obtained")) return `${text.trimEnd()}\n\nobtained:\n${added}`;
  if (keys.at(-1) === "obtained") return `${text.trimEnd()}\n${added}`;
  throw new Error(`${file}: "obtained" must be its last key, found ${keys.at(-1)} after it; the run is in ${out}`);
}

/** The result on the data's own test pictures, where the run was judged by others. */
async function onTest({ val_fraction, limit }) {
  if (val_fraction === undefined && !options.includes("--val")) return undefined;
  const args = ["eval", "--data", data, "--weights", out, "--split", "test", "--json"];
  if (limit !== undefined) args.push("--limit", String(limit));
  const { status, output } = await quietly(process.execPath, [join(root, "apps/cli/dist/vitrail.js"), ...args]);
  return status === 0 ? JSON.parse(output) : undefined; // it may have none
}

async function commit() {
  const { output } = await quietly("git", ["-C", root, "rev-parse", "--short", "HEAD"]);
  const { output: changes } = await quietly("git", ["-C", root, "status", "--porcelain", "--", "packages", "apps/cli"]);
  return `${output.trim()}${changes === "" ? "" : ", with changes"}`;
}

function vitrail(...args) {
  const child = spawn(process.execPath, [join(root, "apps/cli/dist/vitrail.js"), ...args], { stdio: "inherit" });
  return new Promise((done) => child.on("close", (status) => done(status ?? 1)));
}

function quietly(program, args) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"] });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  return new Promise((done) => child.on("close", (status) => done({ status, output })));
}

function secondsOf() {
  return existsSync(join(out, "timing.jsonl"))
    ? lines("timing.jsonl").reduce((sum, { seconds }) => sum + seconds, 0)
    : 0;
}

/** A file of the run. */
function read(path) {
  return readFileSync(join(out, path), "utf8");
}

function lines(path) {
  const text = read(path).trimEnd();
  return text === "" ? [] : text.split("\n").map((line) => JSON.parse(line));
}

function valueAfter(option) {
  const at = options.indexOf(option);
  return at < 0 ? undefined : options[at + 1];
}

function isFile(path) {
  return path !== undefined && existsSync(path) && statSync(path).isFile();
}

function round(share) {
  return Number(share.toFixed(4));
}

/** "43 s", "12 min", "1.6 h". */
function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
