// What every root script calls: `node tooling/setup/run.mjs <task> [arguments]`. It does the set-up that is missing, then the task.
// This file stays parseable by very old Nodes, so that they get a sentence and not a syntax error; the work is in main.mjs.
const wanted = [20, 19];
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < wanted[0] || (major === wanted[0] && minor < wanted[1])) {
  console.error(
    `Vitrail needs Node ${wanted.join(".")} or newer and found ${process.versions.node}. Install a newer Node, then run the same command again.`,
  );
  process.exit(1);
}
import("./main.mjs").then(({ main }) => main(process.argv.slice(2)));
