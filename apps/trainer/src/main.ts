/** From a recipe to weights in a package; USAGE says how. */
import { openRecipe, recipeNames } from "./recipe-file.ts";
import { train } from "./run.ts";

const USAGE = `npm run trainer -- RECIPE [OPTION...]         recipes/RECIPE.yaml, or a file, into runs/RECIPE; any option of vitrail train
npm run trainer -- RECIPE --resume            after a stop
npm run trainer -- keep RECIPE                the run's log and curves into results/RECIPE [--run DIR] [--as NAME]
npm run trainer -- ship RECIPE FOLDER         its weights, measured, into a package [--run DIR]
npm run trainer -- check                      every packaged model against its card, on every engine [--limit N]
npm run trainer -- study                      which network should a user pick: results/study [--jobs N] [--seeds N] [--data DIR] [--limit N]
`;

const [first, ...rest] = process.argv.slice(2);
try {
  process.exitCode = await run();
} catch (error) {
  console.error(process.env.VITRAIL_DEBUG ? error : `error: ${(error as Error).message}`);
  process.exitCode = 1;
}

async function run(): Promise<number> {
  if (first === "--help" || first === "-h") {
    const recipes = recipeNames().map((name) => `  ${name.padEnd(28)}${openRecipe(name).page.title ?? ""}`);
    console.log([USAGE, "recipes:", ...recipes].join("\n"));
    return 0;
  }
  if (first === "keep") return (await import("./keep.ts")).keep(rest);
  if (first === "ship") return (await import("./ship/ship.ts")).ship(rest);
  if (first === "check") return (await import("./check/check.ts")).check(rest);
  if (first === "study") return (await import("./study/study.ts")).study(rest);
  return train(first, rest);
}
