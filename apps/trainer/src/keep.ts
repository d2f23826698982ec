/** What of a run is committed beside its recipe: the log and the curves. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runPlots } from "@vitrail/train";
import { resultsOf } from "./places.ts";
import { openRecipe, runOf } from "./recipe-file.ts";
import { type Run, readRun } from "./run-folder.ts";

/** `npm run trainer -- keep RECIPE [--run DIR] [--as NAME]`: `as` is a folder of its own, e.g. for another seed. */
export async function keep(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { run: { type: "string" }, as: { type: "string" } },
  });
  const recipe = openRecipe(positionals[0]);
  const folder = join(resultsOf(recipe.name), values.as ?? "");
  writeLog(readRun(runOf(recipe, values.run)), folder);
  console.log(`${folder}: metrics.jsonl, accuracy.svg, loss.svg`);
  return 0;
}

/** Writes the log (a line an epoch) and the curves of a run. The same run gives the same bytes. */
export function writeLog({ folder: from, history }: Run, folder: string): void {
  if (history.length === 0) throw new Error(`${from}: expected a run that has ended an epoch, found no metrics.jsonl`);
  const plots = runPlots(history);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "metrics.jsonl"), history.map((line) => `${JSON.stringify(line)}\n`).join(""));
  for (const name of ["accuracy.svg", "loss.svg"] as const) writeFileSync(join(folder, name), plots[name]);
}
