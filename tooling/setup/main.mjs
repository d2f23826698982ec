import { ensureBuilt } from "./build.mjs";
import { ensureInstalled } from "./install.mjs";
import { SetupError } from "./process.mjs";
import { tasks } from "./tasks.mjs";

/** Does the set-up that the task needs, says all of it on stderr, runs the task and leaves with its status. */
export async function main([name, ...args]) {
  const task = Object.hasOwn(tasks, name ?? "") ? tasks[name] : undefined;
  if (task === undefined) {
    console.error(`unknown task ${name ?? "(none)"}: expected one of ${Object.keys(tasks).join(", ")}`);
    process.exitCode = 2;
    return;
  }
  try {
    await ensureInstalled();
    let built = true;
    if (task.build !== undefined) {
      try {
        await ensureBuilt(task.build);
      } catch (error) {
        if (!(task.runsUnbuilt && error instanceof SetupError)) throw error;
        built = false; // the tests on source still have something to say
        console.error(`${error.message}\n`);
      }
    }
    process.exitCode = await task.run(args, { built });
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`\n${error.message}`);
    process.exitCode = 1;
  }
}
