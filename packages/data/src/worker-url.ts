import { rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { fileURLToPath, pathToFileURL } from "node:url";

/**
 * The worker's entry. The published package has it beside this module. Run on source, as this workspace's tests are,
 * it is a TypeScript file, which a worker of Node 20 does not load: esbuild makes one file of it first.
 */
export async function workerUrl(): Promise<URL> {
  if (!import.meta.url.endsWith(".ts")) return new URL("./worker.js", import.meta.url);
  const tool = "esbuild"; // only this workspace has it: a name in a variable is left alone by bundlers
  const { build } = (await import(tool)) as {
    build(options: Record<string, unknown>): Promise<unknown>;
  };
  // Beside the package's dependencies, so that the import of sharp is found from there.
  const folder = fileURLToPath(new URL("../node_modules/.cache/", import.meta.url));
  await mkdir(folder, { recursive: true });
  const outfile = `${folder}worker-${process.pid}-${Date.now()}.mjs`;
  await build({
    entryPoints: [fileURLToPath(new URL("./worker.ts", import.meta.url))],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    external: ["sharp"],
    logLevel: "error",
  });
  process.once("exit", () => rmSync(outfile, { force: true }));
  return pathToFileURL(outfile);
}
