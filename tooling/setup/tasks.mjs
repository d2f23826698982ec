import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pnpmEnv } from "./install.mjs";
import { binOf, root, run, SetupError, userFolder } from "./process.mjs";
import { runTests } from "./test.mjs";

const node = (file, args, options) => run([process.execPath, file, ...args], options);
const status = async (ended) => (await ended).status;

/** changesets calls pnpm, by name. */
const changeset = (args) => status(node(binOf("@changesets/cli", "changeset"), args, { env: pnpmEnv() }));

/** Runs the steps in order, all of them, and gives the first status that is not 0. */
async function all(...steps) {
  let first = 0;
  for (const step of steps) {
    const { status } = await step();
    if (first === 0) first = status;
  }
  return first;
}

/** `jit-forward` is packages/jit/bench/forward.bench.mjs. */
function benchmarks() {
  const suffix = ".bench.mjs";
  const folders = ["packages", "apps"].flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => ({ name, bench: join(root, folder, name, "bench") })),
  );
  const files = folders
    .filter(({ bench }) => existsSync(bench))
    .flatMap(({ name, bench }) =>
      readdirSync(bench)
        .filter((file) => file.endsWith(suffix))
        .map((file) => [`${name}-${file.slice(0, -suffix.length)}`, join(bench, file)]),
    );
  return new Map(files);
}

/** What each root script does once set-up is done; `build` names what has to be built before. */
export const tasks = {
  demo: {
    build: "cli",
    run: (args) => status(node(join(root, "apps/cli/dist/demo.js"), args, { cwd: userFolder() })),
  },
  vitrail: {
    build: "cli",
    run: (args) => status(node(join(root, "apps/cli/dist/vitrail.js"), args, { cwd: userFolder() })),
  },
  trainer: {
    build: "trainer",
    run: (args) => status(node(join(root, "apps/trainer/dist/main.js"), args, { cwd: userFolder() })),
  },
  web: {
    build: "web",
    run: (args) => {
      const folder = join(root, "apps/web");
      return status(node(binOf("vite", "vite", folder), ["preview", ...args], { cwd: folder }));
    },
  },
  test: { build: "all", runsUnbuilt: true, run: runTests },
  build: { build: "all", run: async () => 0 },
  typecheck: {
    run: () => {
      const tsc = binOf("typescript-7", "tsc");
      const projects = ["tsconfig.json", "apps/web/tsconfig.json"];
      return all(...projects.map((project) => () => node(tsc, ["--noEmit", "-p", project])));
    },
  },
  check: {
    run: () =>
      all(
        () => node(binOf("@biomejs/biome"), ["check", "--error-on-warnings", "."]),
        () => node(binOf("knip"), ["--no-progress", "--no-config-hints"]),
      ),
  },
  fix: { run: () => status(node(binOf("@biomejs/biome"), ["check", "--write", "."])) },
  publint: {
    build: "all",
    run: () => {
      const args = ["run", "publint", "--output-logs=errors-only", "--ui=stream", "--no-update-notifier"];
      return status(node(binOf("turbo"), args, { env: pnpmEnv() }));
    },
  },
  bench: {
    build: "all",
    run: (names) => {
      const found = benchmarks();
      const unknown = names.filter((name) => !found.has(name));
      if (unknown.length > 0) {
        throw new SetupError(`no benchmark ${unknown.join(", ")}; there are: ${[...found.keys()].join(", ")}`);
      }
      const wanted = [...found].filter(([name]) => names.length === 0 || names.includes(name));
      return all(
        ...wanted.map(
          ([, file]) =>
            () =>
              node(file, []),
        ),
      );
    },
  },
  interop: { run: (args) => runTests(["tooling/interop", ...args], { built: true, env: { VITRAIL_RECORD: "1" } }) },
  "tfjs-node": { run: () => status(node(join(root, "tooling/tfjs-node/build.mjs"), [])) },
  fuzz: { build: "all", run: (args) => status(node(join(root, "packages/checkpoint/fuzz/main.mjs"), args)) },
  docs: { run: (args) => status(node(binOf("typedoc"), args)) },
  examples: { build: "all", run: (args) => status(node(join(root, "tooling/publish/examples.mjs"), args)) },
  changeset: { run: changeset },
  release: { build: "all", run: () => changeset(["publish"]) },
  rehearse: { build: "all", run: (args) => status(node(join(root, "tooling/publish/rehearse.mjs"), args)) },
};
