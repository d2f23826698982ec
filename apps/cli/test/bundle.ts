import { existsSync, readFileSync, statSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build, type Plugin } from "esbuild";

const app = fileURLToPath(new URL("..", import.meta.url));

/**
 * The command as one folder of plain JavaScript, from source: tests need no build before them. The workspace's own packages go in;
 * packages from npm stay outside, by the path that the importing package finds them at, because ours may not see theirs.
 *
 * @param folder below apps/cli; test files that run side by side need their own
 * @returns the folder of `vitrail.js` and `demo.js`, one level below apps/cli, as dist is
 */
export async function bundleCommand(folder = ".vitrail"): Promise<string> {
  const out = join(app, folder);
  const { outputFiles } = await build({
    write: false,
    entryPoints: {
      vitrail: join(app, "src/vitrail.ts"),
      demo: join(app, "src/demo.ts"),
      // the threads of @vitrail/data, which it looks for beside itself
      worker: join(app, "../../packages/data/src/worker.ts"),
      "loader/worker": join(app, "../../packages/data/src/loader/worker.ts"),
      "datasets/examine-worker": join(app, "../../packages/data/src/datasets/examine-worker.ts"),
      // the one of @vitrail/jit has the same name in a folder of its own
      "session-worker": join(app, "../../packages/jit/src/worker.js"),
    },
    outdir: out,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    sourcemap: "inline",
    conditions: ["@vitrail/source"],
    plugins: [npmOutside, sessionWorker],
    logLevel: "warning",
  });
  await mkdir(out, { recursive: true });
  for (const { path, contents } of outputFiles) {
    // Several test files bundle at once: a file is whole or not there, and one that is right is left alone.
    if (existsSync(path) && contents.length === statSync(path).size && readFileSync(path).equals(contents)) continue;
    await mkdir(dirname(path), { recursive: true });
    const draft = `${path}.${process.pid}`;
    await writeFile(draft, contents);
    await rename(draft, path);
  }
  return out;
}

const sessionWorker: Plugin = {
  name: "session-worker",
  setup(builder) {
    builder.onLoad({ filter: /jit[\\/]src[\\/]host\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      return { contents: source.replaceAll("./worker.js", "./session-worker.js"), loader: "ts" };
    });
  },
};

const npmOutside: Plugin = {
  name: "npm-outside",
  setup(builder) {
    builder.onResolve({ filter: /^[^./]/ }, ({ path, importer, kind, resolveDir }) => {
      if (kind === "entry-point" || path.startsWith("@vitrail/") || path.startsWith("#")) return undefined;
      if (path.startsWith("node:")) return { path, external: true };
      // tfjs's gradients can't be imported in plain Node as they are; only the engine's own name stays outside
      if (path.startsWith("@tensorflow/tfjs-core/dist/")) return undefined;
      try {
        const found = createRequire(importer || join(resolveDir, "x.js")).resolve(path);
        return { path: pathToFileURL(found).href, external: true };
      } catch {
        return { path, external: true }; // an optional peer that is not installed: the code says so at run time
      }
    });
  },
};
