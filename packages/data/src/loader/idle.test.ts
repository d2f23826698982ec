import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type BuildOptions, build } from "esbuild";
import { expect, test } from "vitest";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

test("a loader with nothing to do does not keep the process alive, though it was not disposed of", async () => {
  // As it is published: one file for the package, one for the worker, beside the package's dependencies.
  const folder = await mkdtemp(here("../../node_modules/.idle-"));
  try {
    const options: BuildOptions = {
      bundle: true,
      platform: "node",
      format: "esm",
      conditions: ["@vitrail/source"],
      external: ["sharp", "esbuild"],
    };
    await build({ ...options, entryPoints: [here("./loader.ts")], outfile: `${folder}/index.js` });
    await build({ ...options, entryPoints: [here("./worker.ts")], outfile: `${folder}/loader/worker.js` });
    const program = `
      import { createLoader } from "./index.js";
      const image = { width: 8, height: 8, data: new Uint8Array(192) };
      const split = { name: "train", length: 64, label: () => 0, nameOf: String, source: () => ({ kind: "pixels", image }) };
      const transform = { kind: "train", inputSize: [3, 8, 8], mean: [0.5], std: [0.5] };
      const loader = createLoader({ split, transform, batchSize: 4, threads: 2 });
      let seen = 0;
      for await (const { size } of loader.epoch(0)) seen += size;
      for await (const _ of loader.epoch(1)) break; // with work ahead
      console.log(seen);`;
    await writeFile(`${folder}/main.mjs`, program);
    const { stdout } = await promisify(execFile)(process.execPath, [`${folder}/main.mjs`], { timeout: 20_000 });
    expect(stdout.trim()).toBe("64");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
