/** Runs a recipe with `vitrail train`, and writes what came of it into the recipe's file. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { RUN_FILES } from "@vitrail/train";
import { root } from "./places.ts";
import { evalOnTest, quietly, vitrail } from "./process.ts";
import { dataOf, type Obtained, openRecipe, type RecipeFile, runOf, share, withEntry } from "./recipe-file.ts";
import { bestEpoch, readRun, type Settings, trainedSeconds } from "./run-folder.ts";

/** Options that change where a run is, not what comes of it. */
const PLACES = ["--data", "--out", "--weights"];

/** `npm run trainer -- RECIPE [options of vitrail train]`: its exit status. */
export async function train(name: string | undefined, options: readonly string[]): Promise<number> {
  const recipe = openRecipe(name);
  process.on("SIGINT", () => {}); // vitrail saves what was learned, and says so
  const data = dataOf(recipe.page, valueAfter(options, "--data"));
  const out = runOf(recipe, valueAfter(options, "--out"));
  const places = Object.entries({ "--data": data, "--out": out })
    .filter((entry): entry is [string, string] => entry[1] !== undefined && !options.includes(entry[0]))
    .flat();
  const earlier = secondsOf(out); // of a run that this one goes on with
  const code = await commit(); // what trains is what is there now
  const began = performance.now();
  const status = await vitrail("train", "--recipe", recipe.file, ...options, ...places);
  if (status === 0)
    await record(recipe, { data, out, options, code, seconds: earlier + (performance.now() - began) / 1000 });
  return status;
}

interface Finished {
  readonly data: string | undefined;
  readonly out: string;
  readonly options: readonly string[];
  readonly code: string;
  readonly seconds: number;
}

/** Appends an entry to `obtained`, and leaves the rest of the file as it is. */
async function record({ file }: RecipeFile, finished: Finished): Promise<void> {
  const { out, options, seconds } = finished;
  const run = readRun(out);
  const { recipe } = run.args;
  const { validation, timing } = run;
  if (!validation) throw new Error(`${out}: expected a finished run, found no evaluation.json`);
  const test = await onTest(recipe, finished);
  const changed = options.filter(
    (word, i) => word !== "--resume" && ![word, options[i - 1]].some((one) => PLACES.includes(one ?? "")),
  );
  const entry: Obtained = {
    score: share((test ?? validation).top1),
    of: test ? `${test.images} test pictures` : `${validation.images} validation pictures`,
    ...(test ? { validation: share(validation.top1) } : {}),
    // timm counts the warm-up on top where `warmup_prefix` is set
    epochs: `${bestEpoch(run)} of ${Math.max(recipe.epochs, run.history.length)}`,
    time: duration(seconds),
    seed: recipe.seed,
    commit: finished.code,
    engine: timing.at(-1)?.engine ?? "unknown",
    cores: availableParallelism(),
    ...(changed.length > 0 ? { options: changed.join(" ") } : {}),
  };
  writeFileSync(file, withEntry(readFileSync(file, "utf8"), entry, `${file} (the run is in ${out})`));
  console.log(`${file}: ${entry.score} of ${entry.of}, written down`);
}

/** The result on the data's own test pictures, where the run was judged by others. */
async function onTest({ val_fraction, limit }: Settings, { data, out, options }: Finished) {
  if ((val_fraction === undefined && !options.includes("--val")) || data === undefined) return undefined;
  const { status, output } = await evalOnTest({ weights: out, data, limit });
  return status === 0 ? (JSON.parse(output) as { images: number; top1: number }) : undefined; // it may have none
}

async function commit(): Promise<string> {
  const { output } = await quietly("git", ["-C", root, "rev-parse", "--short", "HEAD"]);
  const { output: changes } = await quietly("git", ["-C", root, "status", "--porcelain", "--", "packages", "apps/cli"]);
  return `${output.trim()}${changes === "" ? "" : ", with changes"}`;
}

function secondsOf(out: string): number {
  return existsSync(join(out, RUN_FILES.args)) ? trainedSeconds(readRun(out)) : 0;
}

function valueAfter(options: readonly string[], option: string): string | undefined {
  const at = options.indexOf(option);
  return at < 0 ? undefined : options[at + 1];
}

/** "43 s", "12 min", "1.6 h". */
function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
