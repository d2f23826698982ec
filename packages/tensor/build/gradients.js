import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const require = createRequire(import.meta.url);
const core = "@tensorflow/tfjs-core";
const dist = join(dirname(require.resolve(`${core}/package.json`)), "dist");

/** The file that registers tfjs's gradients; plain Node cannot import it, for there are no file extensions inside. */
export const registerAllGradients = `${core}/dist/register_all_gradients.js`;

/** The files whose names differ from those that the package exports. */
const contents = {
  base: `export { backend_util } from "${core}";`,
  engine: `import { engine } from "${core}"; export const ENGINE = /* @__PURE__ */ engine();`,
  tensor: `import { Tensor } from "${core}"; export { Tensor, TensorBuffer, Variable } from "${core}"; export const getGlobalTensorClass = () => Tensor;`,
};

/**
 * Bundles only what tfjs-core does not export: inside its `dist`, an import of a file with public exports becomes an
 * import from the package. So the gradients use the one copy of the ops, and the chunk is a tenth as large.
 */
export const publicOps = () => ({
  name: "tfjs-public-ops",
  setup(pluginBuild) {
    const exported = new Set(Object.keys(require(core)));
    pluginBuild.onResolve({ filter: /^\.{1,2}\// }, (args) => {
      if (!args.importer.startsWith(dist + sep) || args.namespace !== "file") return undefined;
      const file = relative(dist, join(dirname(args.importer), args.path))
        .split(sep)
        .join("/");
      const names = publicNames(file, exported);
      return names.length > 0 || file in contents
        ? { path: file, namespace: "tfjs-public", pluginData: names }
        : undefined;
    });
    pluginBuild.onLoad({ filter: /.*/, namespace: "tfjs-public" }, ({ path, pluginData }) => ({
      contents: contents[path] ?? `export { ${pluginData.join(", ")} } from "${core}";`,
      resolveDir: dist,
    }));
  },
});

/** The names of an op's file that the package exports too; none for helpers, which are bundled. */
function publicNames(file, exported) {
  const shared = ["environment", "globals", "gradients", "kernel_registry"].includes(file);
  if (!shared && (!file.startsWith("ops/") || file.endsWith("_util"))) return [];
  const names = [];
  const source = readFileSync(join(dist, `${file}.js`), "utf8");
  for (const [, list] of source.matchAll(/^export \{ (.*?) \}/gm)) names.push(...list.split(", "));
  for (const [, name] of source.matchAll(/^export (?:async )?(?:const|let|function|class) (\w+)/gm)) names.push(name);
  return names.map((name) => name.replace(/^.* as /, "")).filter((name) => exported.has(name));
}

/** One importable file of the gradients for tests on source: inlining 250 small files takes seconds a test file. */
export async function bundleGradients() {
  const outfile = fileURLToPath(new URL("../node_modules/.cache/tfjs-gradients.mjs", import.meta.url));
  const inputs = [fileURLToPath(import.meta.url), join(dist, "../package.json")];
  const newest = Math.max(...inputs.map((file) => statSync(file).mtimeMs));
  if (existsSync(outfile) && statSync(outfile).mtimeMs > newest) return outfile;
  const result = await build({
    entryPoints: [join(dist, "register_all_gradients.js")],
    write: false,
    bundle: true,
    format: "esm",
    platform: "node",
    external: [core],
    plugins: [publicOps()],
    logLevel: "error",
  });
  // Renamed into place, since several test runs may be starting at once.
  mkdirSync(dirname(outfile), { recursive: true });
  const draft = `${outfile}.${process.pid}`;
  writeFileSync(draft, result.outputFiles[0].text);
  renameSync(draft, outfile);
  return outfile;
}
