/**
 * Runs the examples of the READMEs as a reader would: every ```ts block, in an empty npm project that installed the packed
 * tarballs, type-checked against the published declarations and then run. A block headed ```ts no-run is type-checked only.
 */
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { transformSync } from "esbuild";
import { binOf, root } from "../setup/process.mjs";
import { Consumer } from "./consumer.mjs";
import { packAll, publishedPackages } from "./workspace.mjs";

/** One set of names, whichever way a program loads the package. */
const bothWays = `
  const [name] = process.argv.slice(1);
  const required = Object.keys(require(name)).filter((key) => key !== "__esModule").sort().join();
  import(name).then((imported) => {
    if (required === "" || Object.keys(imported).sort().join() !== required) throw new Error(name + " exports " + required);
  });`;

const work = mkdtempSync(join(tmpdir(), "vitrail-examples-"));
let passed = 0;
let failed = 0;
try {
  const tarballs = await packAll(work);
  const project = new Consumer(join(work, "project"));
  await project.npm("install", "--ignore-scripts", ...tarballs.values(), `@types/node@${versionOf("@types/node")}`);
  await supply(project);
  const readmes = ["README.md", ...publishedPackages().map(({ folder }) => `${folder}/README.md`)];
  const examples = readmes.filter((path) => existsSync(join(root, path))).flatMap(examplesOf);
  for (const readme of readmes.filter((path) => !existsSync(join(root, path)))) {
    failed++;
    console.log(`failed  ${readme}  is missing: every package has one`);
  }
  for (const { name } of publishedPackages().filter(({ manifest }) => manifest.exports["."] !== undefined)) {
    await check(`${name}, imported and required`, () =>
      project.node("--input-type=commonjs", "--eval", bothWays, name),
    );
  }
  for (const [i, { code }] of examples.entries()) {
    writeFileSync(join(project.folder, `example-${i}.ts`), code);
    const plain = transformSync(code, { loader: "ts", format: "esm", target: "node20" });
    writeFileSync(join(project.folder, `example-${i}.mjs`), plain.code);
  }
  const typeErrors = typeCheck(project, examples.length);
  for (const [i, { where, runs }] of examples.entries()) {
    await check(where, async () => {
      if (typeErrors[i] !== "") throw new Error(typeErrors[i]);
      if (runs) await project.node(`example-${i}.mjs`);
    });
  }
  console.log(`${passed} passed, ${failed} failed`);
} finally {
  rmSync(work, { recursive: true, force: true, maxRetries: 5 });
}
process.exitCode = failed === 0 ? 0 : 1;

async function check(what, work) {
  const started = Date.now();
  try {
    await work();
    passed++;
    console.log(`passed  ${what}  (${Date.now() - started} ms)`);
  } catch (error) {
    failed++;
    console.log(`failed  ${what}  ${error.message}`);
  }
}

function versionOf(name) {
  return JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8")).version;
}

/** What the examples may name: photos, path/to/photos with photos in class folders, and path/to/folder with (untrained) weights of a ViT-Ti/16. */
async function supply(project) {
  cpSync(join(root, "apps/cli/photos/chelsea.png"), join(project.folder, "photo.png"));
  cpSync(join(root, "apps/cli/photos/coffee.png"), join(project.folder, "other.png"));
  cpSync(join(root, "apps/cli/photos/rocket.jpg"), join(project.folder, "photo.jpg"));
  for (const [file, ...to] of [
    ["chelsea.png", "cat/1.png", "cat/2.png"],
    ["coffee.png", "cup/1.png", "cup/2.png"],
  ])
    for (const name of to)
      cpSync(join(root, "apps/cli/photos", file), join(project.folder, "path/to/photos", name), { recursive: true });
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

/** What the type checker says of each example: one run for all, because the packages' declarations take most of its time. */
function typeCheck(project, count) {
  const options = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext"];
  const files = Array.from({ length: count }, (_, i) => `example-${i}.ts`);
  const { status, stdout, stderr } = project.ends(
    binOf("typescript-7", "tsc"),
    ...options,
    ...["--types", "node", "--moduleDetection", "force", "--pretty", "false"],
    ...files,
  );
  const said = files.map(() => "");
  let current;
  for (const line of stdout.split("\n").filter(Boolean)) {
    // a message's further lines are indented
    if (!line.startsWith(" ")) current = /^example-(\d+)\.ts\(/.exec(line)?.[1];
    if (current === undefined) throw new Error(`the type checker says: ${line}`);
    said[current] += `${line}\n`;
  }
  if (status !== 0 && said.every((text) => text === ""))
    throw new Error(`the type checker ended with ${status}: ${stderr}`);
  return said;
}
