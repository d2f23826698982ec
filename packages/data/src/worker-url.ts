import { createHash, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The workers of this package: the preprocessor's, the loader's, and the one that looks over datasets. */
type Entry = "preprocessor" | "loader" | "examiner";

const SOURCES: Readonly<Record<Entry, string>> = {
  preprocessor: "./worker.ts",
  loader: "./loader/worker.ts",
  examiner: "./datasets/examine-worker.ts",
};

/**
 * A worker's entry. The published package has it beside this module. Run on source, as this workspace's tests are,
 * it is a TypeScript file, which a worker of Node 20 does not load: esbuild makes one file of it first.
 */
export async function workerUrl(entry: Entry = "preprocessor"): Promise<URL> {
  // Written out, as bundlers look for such lines.
  if (!import.meta.url.endsWith(".ts"))
    return entry === "loader"
      ? new URL("./loader/worker.js", import.meta.url)
      : entry === "examiner"
        ? new URL("./datasets/examine-worker.js", import.meta.url)
        : new URL("./worker.js", import.meta.url);
  const tool = "esbuild"; // only this workspace has it: a name in a variable is left alone by bundlers
  const { build } = (await import(tool)) as {
    build(options: Record<string, unknown>): Promise<{ outputFiles: { contents: Uint8Array }[] }>;
  };
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(SOURCES[entry], import.meta.url))],
    conditions: ["@vitrail/source"],
    write: false,
    bundle: true,
    platform: "node",
    format: "esm",
    external: ["sharp"],
    logLevel: "error",
  });
  const contents = outputFiles[0]?.contents as Uint8Array;
  // Beside the package's dependencies, so that the import of sharp is found from there; one file for each content.
  const folder = fileURLToPath(new URL("../node_modules/.cache/", import.meta.url));
  const path = `${folder}worker-${createHash("sha256").update(contents).digest("hex").slice(0, 16)}.mjs`;
  if (!existsSync(path)) {
    await mkdir(folder, { recursive: true });
    const draft = `${path}.${randomUUID()}`;
    await writeFile(draft, contents);
    await rename(draft, path); // whole or not there, for others that start at the same time
  }
  return pathToFileURL(path);
}
