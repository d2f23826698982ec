import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { binOf, root, run } from "./process.mjs";

/**
 * One vitest run over the whole workspace, closed by a line `N passed, N failed, N skipped`.
 * A file that cannot be loaded, a build that failed and an error outside the tests each count as one failure.
 */
export async function runTests(args, { built, env = {} }) {
  const folder = join(root, "node_modules/.vitrail");
  const report = join(folder, "tests.json");
  mkdirSync(folder, { recursive: true });
  rmSync(report, { force: true });
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const vitest = [process.execPath, binOf("vitest"), "run", ...reporters, ...args];
  const { status } = await run(vitest, { env: { ...process.env, ...env, NODE_ENV: "test" } });
  const { passed, failed, skipped, reasons } = count(report);
  const outside = status !== 0 && failed === 0 ? 1 : 0;
  const failures = failed + outside + (built ? 0 : 1);
  if (outside) console.log("vitest ended with an error outside the tests: it stands above");
  for (const [reason, tests] of reasons) console.log(`${tests} skipped: ${reason}`);
  if (!built) console.log("the build failed: its reason stands above the tests");
  console.log(`${passed} passed, ${failures} failed, ${skipped} skipped`);
  return failures === 0 ? status : 1;
}

function count(report) {
  const total = { passed: 0, failed: 0, skipped: 0, reasons: new Map() };
  let results;
  try {
    results = JSON.parse(readFileSync(report, "utf8")).testResults;
  } catch {
    return total; // vitest did not come to its end
  }
  for (const file of results) {
    if (file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed")) total.failed++;
    for (const { status, fullName } of file.assertionResults) {
      if (status === "passed") total.passed++;
      else if (status === "failed") total.failed++;
      else {
        total.skipped++;
        // A test that skips says why in brackets, in its title or in that of a group around it.
        const reason = fullName.match(/\((?:skipped:? |(?=needs|not built))([^()]*)\)/)?.[1];
        if (reason !== undefined) total.reasons.set(reason, (total.reasons.get(reason) ?? 0) + 1);
      }
    }
  }
  return total;
}
