/**
 * From a recipe to weights in a package.
 *   npm run trainer -- resnet20-cifar10                       recipes/resnet20-cifar10.yaml into runs/resnet20-cifar10
 *   npm run trainer -- resnet20-cifar10 --resume              after a stop
 *   npm run trainer -- path/to/recipe.yaml --data DIR --seed 1   any options of vitrail train
 *   npm run trainer -- keep resnet20-cifar10                  the run's log and curves into results/resnet20-cifar10
 *   npm run trainer -- ship resnet20-cifar10 packages/weights-cifar10   its weights, measured, into a package
 *   npm run trainer -- check                                  every packaged model against its card, on every engine
 *   npm run trainer -- study                                  which network should a user pick: results/study
 */
import { train } from "./run.ts";

const [first, ...rest] = process.argv.slice(2);
try {
  process.exitCode = await run();
} catch (error) {
  console.error(process.env.VITRAIL_DEBUG ? error : `error: ${(error as Error).message}`);
  process.exitCode = 1;
}

async function run(): Promise<number> {
  if (first === "keep") return (await import("./keep.ts")).keep(rest);
  if (first === "ship") return (await import("./ship/ship.ts")).ship(rest);
  if (first === "check") return (await import("./check/check.ts")).check(rest);
  if (first === "study") return (await import("./study/study.ts")).study(rest);
  return train(first, rest);
}
