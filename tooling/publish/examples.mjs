/**
 * Runs the examples of the READMEs as a reader would: every ```ts block, in an empty npm project that installed the packed
 * tarballs, type-checked against the published declarations and then run. A block headed ```ts no-run is type-checked only.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { transformSync } from "esbuild";
import { binOf, root } from "../setup/process.mjs";
import { Consumer } from "./consumer.mjs";
import { packAll, publishedPackages, succeed } from "./workspace.mjs";

const work = mkdtempSync(join(tmpdir(), "vitrail-examples-"));
let failed = 0;
try {
  const tarballs = await packAll(work);
  const project = new Consumer(join(work, "project"));
  await project.npm("install", "--ignore-scripts", ...tarballs.values(), `@types/node@${versionOf("@types/node")}`);
  await supply(project);
  const readmes = ["README.md", ...publishedPackages().map(({ folder }) => `${folder}/README.md`)];
  const examples = readmes.flatMap(examplesOf);
  for (const [i, example] of examples.entries()) {
    const file = `example-${i}`;
    writeFileSync(join(project.folder, `${file}.ts`), example.code);
    const { code } = transformSync(example.code, { loader: "ts", format: "esm", target: "node20" });
    writeFileSync(join(project.folder, `${file}.mjs`), code);
    const started = Date.now();
    try {
      await typeCheck(project.folder, `${file}.ts`);
      if (example.runs) await project.node(`${file}.mjs`);
      console.log(`passed  ${example.where}  ${example.runs ? `ran in ${Date.now() - started} ms` : "type-checked"}`);
    } catch (error) {
      failed++;
      console.log(`failed  ${example.where}  ${error.message}`);
    }
  }
  console.log(`${examples.length - failed} passed, ${failed} failed`);
} finally {
  rmSync(work, { recursive: true, force: true, maxRetries: 5 });
}
process.exitCode = failed === 0 ? 0 : 1;

function versionOf(name) {
  return JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8")).version;
}

/** What the examples may name: photos, and path/to/folder with (untrained) weights of a ViT-Ti/16. */
async function supply(project) {
  cpSync(join(root, "apps/cli/photos/chelsea.png"), join(project.folder, "photo.png"));
  cpSync(join(root, "apps/cli/photos/rocket.jpg"), join(project.folder, "photo.jpg"));
  cpSync(join(root, "tooling/publish/consumer/weights.mjs"), join(project.folder, "weights.mjs"));
  await project.node("weights.mjs");
}

function examplesOf(readme) {
  const text = readFileSync(join(root, readme), "utf8");
  return [...text.matchAll(/^```ts([^\n]*)\n([\s\S]*?)^```/gm)].map(([, head, code]) => {
    const line = text.slice(0, text.indexOf(code)).split("\n").length;
    return { where: `${readme}:${line}`, code, runs: !/\bno-run\b/.test(head) };
  });
}

function typeCheck(folder, file) {
  const options = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext"];
  const tsc = [process.execPath, binOf("typescript", "tsc"), ...options, "--types", "node", file];
  return succeed(tsc, { cwd: folder });
}
