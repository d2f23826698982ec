import { existsSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { pnpmEnv } from "./install.mjs";
import { locked } from "./lock.mjs";
import { binOf, root, run, SetupError } from "./process.mjs";
import { digest, filesBelow, readStamp, workspaceFolders, writeStamp } from "./stamp.mjs";

/** What turbo builds for each scope: the named workspace member and all that it needs, or everything. */
const scopes = {
  cli: { filters: ["--filter=vitrail..."], without: ["web", "trainer"] },
  trainer: { filters: ["--filter=@repo/trainer...", "--filter=vitrail..."], without: ["web"] },
  web: { filters: ["--filter=@repo/web..."], without: ["cli", "trainer"] },
  all: { filters: [], without: [] },
};

/** Builds dist/ for a scope, unless a run before built the same sources and nobody touched the result since. */
export async function ensureBuilt(scope) {
  const { filters } = scopes[scope];
  const done = () => readStamp(`build-${scope}`) === key(scope);
  if (done()) return;
  await locked(async () => {
    if (done()) return;
    console.error("Set-up: building what changed");
    const args = [
      "run",
      "build",
      "--continue=dependencies-successful",
      "--output-logs=errors-only",
      "--ui=stream",
      "--no-update-notifier",
    ];
    const turbo = [process.execPath, binOf("turbo"), ...args, `--concurrency=${availableParallelism()}`];
    const { status } = await run([...turbo, ...filters], { env: pnpmEnv(), quiet: true });
    if (status !== 0) throw new SetupError(`The build failed (status ${status}): the reason stands above.`);
    for (const name of scope === "all" ? Object.keys(scopes) : [scope]) writeStamp(`build-${name}`, key(name));
  });
}

const notSource = (name) =>
  name.startsWith(".") || // caches
  ["node_modules", "dist", "test", "bench", "__goldens__", "README.md", "CHANGELOG.md"].includes(name) ||
  /\.(test|test-d|bench)\.ts$/.test(name);

/** One digest over all that a scope's build reads, and over the look (size and time) of what it wrote. */
function key(scope) {
  const presets = ["tsup", "tsconfig"].map((name) => join(root, "tooling", name));
  const members = workspaceFolders("packages", "apps").filter(
    (folder) => !scopes[scope].without.includes(basename(folder)),
  );
  const sources = [...presets, ...members].flatMap((folder) => filesBelow(folder, notSource));
  const outputs = members
    .map((folder) => join(folder, "dist"))
    .flatMap((dist) => (existsSync(dist) ? filesBelow(dist, () => false) : []))
    .map((file) => {
      const { size, mtimeMs } = statSync(file);
      return `${file} ${size} ${mtimeMs}`;
    });
  return digest([join(root, "pnpm-lock.yaml"), join(root, "turbo.json"), ...sources], ...outputs);
}
