/**
 * `npm run trainer -- study`: runs what plan.ts lists and writes results/study. Finished runs are passed over, a stopped one goes on.
 *   --jobs N     runs side by side, a processor each (1)
 *   --seeds N    runs of each kind (1)
 *   --data DIR   CIFAR-10 (../shared/data/cifar10-jpeg, from the repository)
 *   --out DIR    where the runs are (runs/study)
 *   --report DIR where the page goes (apps/trainer/results/study)
 *   --limit N    to try it out: N pictures a split, one epoch a run; its page goes beside the runs
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { resultsOf, root } from "../places.ts";
import { command } from "../process.ts";
import { pinned } from "./cores.ts";
import { FAMILIES, plan, type Run } from "./plan.ts";
import { plot } from "./plot.ts";
import { page } from "./report.ts";
import { isDone, type Result, resultOf } from "./results.ts";

/** A state is saved so often, in seconds: what a kill costs at most. */
const SAVE_EVERY = 60;

/** Runs the study; 0 once all is done, 130 where it was stopped, else the status of the run that failed. */
export async function study(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      jobs: { type: "string", default: "1" },
      seeds: { type: "string", default: "1" },
      data: { type: "string", default: resolve(root, "../shared/data/cifar10-jpeg") },
      out: { type: "string", default: "runs/study" },
      report: { type: "string" },
      limit: { type: "string" },
    },
  });
  const limit = values.limit === undefined ? undefined : whole("--limit", values.limit);
  const all = plan({ seeds: whole("--seeds", values.seeds), limit });
  const report = values.report ?? (limit === undefined ? resultsOf("study") : join(values.out, "report"));
  const folderOf = (name: string) => join(values.out, name);
  const status = await runAll(all, whole("--jobs", values.jobs), {
    isDone: ({ name }) => isDone(folderOf(name)),
    argsOf: (run) => argsOf(run, values.data, folderOf),
  });
  const results = all.filter(({ name }) => isDone(folderOf(name))).map((run) => resultOf(run, folderOf(run.name)));
  write(report, results);
  console.log(`${results.length} of ${all.length} runs are done; ${report}/README.md`);
  return status;
}

function whole(option: string, text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new Error(`${option}: expected a whole number above 0, found ${text}`);
}

/** What `vitrail train` is told. The same for the same run: with them it goes on. */
export function argsOf({ name, family, after, settings }: Run, data: string, folderOf: (name: string) => string) {
  const hub = FAMILIES.find((one) => one.name === family)?.hub;
  const weights = hub === undefined ? (after === undefined ? "none" : folderOf(after)) : resolve(root, hub);
  const options = { "--data": data, "--weights": weights, "--out": folderOf(name), "--save-every": String(SAVE_EVERY) };
  const set = Object.entries(settings).flatMap(([key, value]) => ["--set", `${key}=${JSON.stringify(value)}`]);
  return ["train", "--resume", ...Object.entries(options).flat(), ...set];
}

interface Running {
  isDone(run: Run): boolean;
  argsOf(run: Run): readonly string[];
}

/** So many at a time, none before the run that it begins from. */
async function runAll(all: readonly Run[], jobs: number, { isDone, argsOf }: Running): Promise<number> {
  const children = new Set<ChildProcess>();
  let stopped = false;
  const onTerm = () => {
    stopped = true;
    for (const child of children) child.kill("SIGTERM");
  };
  // A terminal tells the children itself, and told twice they would end without saving.
  const onInterrupt = () => {
    stopped = true;
  };
  process.on("SIGTERM", onTerm).on("SIGINT", onInterrupt);
  const waiting = all.filter((run) => !isDone(run));
  const ready = (run: Run) => all.every((other) => other.name !== run.after || isDone(other));
  let failed = 0;
  const lane = async (index: number): Promise<void> => {
    while (waiting.length > 0 && !stopped && failed === 0) {
      const next = waiting.findIndex(ready);
      if (next < 0) {
        if (children.size === 0) return;
        await new Promise((done) => setTimeout(done, 1000)); // what they begin from is being trained
        continue;
      }
      const [run] = waiting.splice(next, 1) as [Run];
      console.log(`== ${run.name}, ${all.filter(isDone).length} of ${all.length} done`);
      const [program, ...rest] = [...pinned(index), process.execPath, command, ...argsOf(run)] as [string, ...string[]];
      const child = spawn(program, rest, { stdio: ["ignore", "inherit", "inherit"] });
      children.add(child);
      const status = await new Promise<number>((done) => child.on("close", (code) => done(code ?? 1)));
      children.delete(child);
      if (status !== 0 && !stopped) failed = status;
    }
  };
  await Promise.all(Array.from({ length: jobs }, (_, index) => lane(index)));
  process.off("SIGTERM", onTerm).off("SIGINT", onInterrupt);
  return stopped ? 130 : failed;
}

function write(folder: string, results: readonly Result[]): void {
  if (!existsSync(folder)) mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "results.json"), `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(join(folder, "README.md"), page(results));
  writeFileSync(join(folder, "transfer.svg"), plot(results));
}
