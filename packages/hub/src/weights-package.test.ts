import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { encodeSafetensors } from "@vitrail/checkpoint";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openWeights as openWeightsInBrowser } from "./browser.ts";
import { downloadWeights, modelsInPackage, openWeights, weightsPackage } from "./index.ts";
import { failing } from "./testing/stubbed.ts";

const model = (value: number) =>
  encodeSafetensors([["w", { shape: [1], float32: () => Float32Array.of(value) }]], { metadata: { format: "pt" } });
const config = (architecture: string, classes = 2) => JSON.stringify({ architecture, num_classes: classes });
const manifest = (name: string, exported = "./package.json") =>
  JSON.stringify({ name, type: "module", exports: { [exported]: exported } });

let app = "";
let from: URL;
beforeAll(() => {
  app = mkdtempSync(join(realpathSync(tmpdir()), "vitrail packages ü "));
  from = pathToFileURL(join(app, "index.js"));
  const files = {
    "@x/weights-pets/package.json": manifest("@x/weights-pets"),
    "@x/weights-pets/config.json": config("resnet18"),
    "@x/weights-pets/model.safetensors": model(1),
    "@x/weights-pets/vit_small/config.json": config("vit_tiny_patch16_224", 3),
    "@x/weights-pets/vit_small/model.safetensors": model(2),
    "@x/weights-pets/notes/about.txt": "no model",
    "@x/weights-pets/.hidden/config.json": config("resnet18"),
    "@x/folders/package.json": manifest("@x/folders"),
    "@x/folders/b/config.json": config("b"),
    "@x/folders/b/model.safetensors": "version https://git-lfs.github.com/spec/v1\nsize 5\n",
    "@x/folders/a/config.json": config("a"),
    "@x/code/package.json": manifest("@x/code"),
    "@x/code/index.js": "",
    "@x/closed/package.json": manifest("@x/closed", "./index.js"),
    "@x/damaged/package.json": "{",
    "@x/bad/package.json": manifest("@x/bad"),
    "@x/bad/config.json": "{",
    "plain/package.json": manifest("plain"),
    "plain/config.json": config("plain"),
  };
  for (const [path, content] of Object.entries(files)) {
    const full = join(app, "node_modules", path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, content);
  }
});
afterAll(() => rmSync(app, { recursive: true, force: true }));

const valueIn = async (source: string) => {
  const weights = await openWeights(source, { from });
  const found = [weights.id, weights.config?.architecture, weights.tensors.get("w")?.float32()[0]];
  weights.close();
  return found;
};

test("a package's name opens the model at its root, with /MODEL after it another one", async () => {
  expect(await valueIn("@x/weights-pets")).toEqual(["@x/weights-pets", "resnet18", 1]);
  expect(await valueIn("@x/weights-pets/vit_small")).toEqual(["@x/weights-pets/vit_small", "vit_tiny_patch16_224", 2]);
  // The one at the root has a name too: its architecture.
  expect(await valueIn("@x/weights-pets/resnet18")).toEqual(["@x/weights-pets/resnet18", "resnet18", 1]);
  expect(await valueIn("@x/weights-pets/")).toEqual(["@x/weights-pets/", "resnet18", 1]);
  expect(weightsPackage("@x/weights-pets", from)).toBe(join(app, "node_modules/@x/weights-pets"));
  expect(weightsPackage("@x/weights-pets/vit_small", from)).toBe(join(app, "node_modules/@x/weights-pets/vit_small"));
  expect(weightsPackage("plain/plain", from)).toBe(join(app, "node_modules/plain"));
});

test("a package tells what it holds: the model at its root first, folders without config.json passed over", () => {
  expect(modelsInPackage("@x/weights-pets", from).map(({ id, name, config }) => [id, name, config.numClasses])).toEqual(
    [
      ["@x/weights-pets", "resnet18", 2],
      ["@x/weights-pets/vit_small", "vit_small", 3],
    ],
  );
  expect(modelsInPackage("@x/folders", from).map(({ id }) => id)).toEqual(["@x/folders/a", "@x/folders/b"]);
  expect(modelsInPackage("@x/code", from)).toEqual([]);
  expect(() => modelsInPackage("@x/bad", from)).toThrow(failing("bad-config", /@x.bad.config\.json is no JSON/));
});

test("a model that is not there is an error that names those that are", () => {
  const named = (name: string) => () => weightsPackage(name, from);
  expect(named("@x/weights-pets/nope")).toThrow(
    failing(
      "no-model",
      /@x\/weights-pets holds no model "nope"; it holds resnet18 \(@x\/weights-pets\), vit_small \(@x\/weights-pets\/vit_small\)$/,
    ),
  );
  expect(named("@x/weights-pets/vit_smal")).toThrow(failing("no-model", /did you mean vit_small\?/));
  expect(named("@x/weights-pets/notes")).toThrow(failing("no-model", /holds no model "notes"/));
  expect(named("@x/folders")).toThrow(failing("no-model", /2 models in folders: name one, @x\/folders\/a or/));
  expect(named("@x/code/a")).toThrow(failing("no-model", /it holds none/));
});

test("a package that is not installed is named with what to do, and the nearest that is", async () => {
  expect(() => weightsPackage("@x/weights-pet", from)).toThrow(
    failing("no-package", /did you mean "@x\/weights-pets"\? Else add it with `npm install @x\/weights-pet`/),
  );
  // A package of code is near, and no answer.
  expect(() => weightsPackage("@x/codes", from)).toThrow(failing("no-package", /not installed; add it with/));
  const inApp = join(app, "elsewhere");
  mkdirSync(inApp, { recursive: true });
  const before = process.cwd();
  try {
    process.chdir(inApp); // seen from there, too, and named once
    expect(() => weightsPackage("@x/weights-pet", from)).toThrow(
      failing("no-package", /mean "@x\/weights-pets"\? Else/),
    );
  } finally {
    process.chdir(before);
  }
  await expect(openWeights("@nobody/nothing", { from })).rejects.toThrow(
    failing("no-package", /not installed; add it with .*there is no file or folder of this name either/),
  );
  expect(() => weightsPackage("@x/closed", from)).toThrow(failing("no-package", /is there and no weights package: /));
  expect(() => weightsPackage("@x/damaged", from)).toThrow(failing("no-package", /is there and no weights package: /));
});

test.each([
  "@x/weights-pets/../weights-pets",
  "@x/weights-pets/..",
  "@x/weights-pets/vit_small/../..",
  "@x/weights-pets/vit..small",
  "@x/..",
  "@x/../../etc",
  "@x",
  "@",
  "@x\\weights-pets",
  "@x/weights-pets\\vit_small",
  "@x/weights-pets/vit_small/model.safetensors",
  "@x/weights-pets//vit_small",
  "@x/weights-pets/%2e%2e",
  "@x/weights pets",
  "@x/weights-pets/\u0000",
])("%j leads out of a package or is no name of one, and is refused", async (name) => {
  expect(() => weightsPackage(name, from)).toThrow(failing("bad-id", /cannot be a weights package; expected its name/));
  if (name.includes("\u0000")) return; // no path either
  await expect(openWeights(name, { from })).rejects.toThrow(failing("bad-id", /cannot be a weights package/));
});

test("backslashes are told to be slashes", () => {
  expect(() => weightsPackage("@x\\weights-pets", from)).toThrow(/with \/ on every system/);
});

test("a folder of this name in the working directory comes first, as it does before a name on the hub", async () => {
  const folder = join(app, "elsewhere", "@x/weights-pets");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "model.safetensors"), model(7));
  const before = process.cwd();
  try {
    process.chdir(join(app, "elsewhere"));
    expect(await valueIn("@x/weights-pets")).toEqual(["@x/weights-pets", undefined, 7]);
  } finally {
    process.chdir(before);
  }
});

test("what is no checkpoint is told by its path", async () => {
  await expect(openWeights("@x/folders/b", { from })).rejects.toThrow(
    expect.objectContaining({
      code: "lfs-pointer",
      message: expect.stringMatching(/@x.folders.b.model\.safetensors: /),
    }),
  );
  await expect(openWeights("@x/folders/a", { from })).rejects.toThrow(
    failing("no-checkpoint", /its files: config\.json/),
  );
  await expect(openWeights("@x/code", { from })).rejects.toThrow(failing("no-checkpoint", /index\.js, package\.json/));
});

test("the hub is not asked for a package, and a page is told what to give instead", async () => {
  expect(() => downloadWeights("@x/weights-pets")).toThrow(failing("bad-id", /is an npm package.*`npm install`/));
  for (const name of ["@x/weights-pets", "@x/weights-pets/vit_small"]) {
    await expect(openWeightsInBrowser(name)).rejects.toThrow(
      failing("unsupported-source", /an npm package.*the addresses that a bundler has for @x\/weights-pets/),
    );
  }
});
