/**
 * A release, rehearsed: versions by changesets, everything published to a registry on loopback, installed from there by a stranger,
 * then one package released alone and updated. Works on a copy of this checkout; nothing here or on a real registry changes.
 */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binOf, root } from "../setup/process.mjs";
import { Consumer } from "./consumer.mjs";
import { startRegistry } from "./registry.mjs";
import { changed, ReleaseCopy } from "./release-copy.mjs";
import { plainEnv } from "./workspace.mjs";

const started = Date.now();
const say = (text) => console.log(`${String(Math.round((Date.now() - started) / 1000)).padStart(4)} s  ${text}`);

const notForModels = [
  /^sharp$/,
  /^onnxruntime-/,
  /^@huggingface\//,
  /^@tensorflow\/tfjs-(node|backend-webgl|backend-webgpu)/,
];

/** What is no weights package, or not in it. */
const nonsense = [
  ["@vitrail/weights-cifar10/nope", /^error: .*holds no model "nope"; it holds \w+/],
  ["@vitrail/weights-cifar11", /^error: .*not installed; did you mean "@vitrail\/weights-cifar10"/],
  ["@vitrail/weights-cifar10/../weights-cifar10", /^error: .*cannot be a weights package/],
  ["@vitrail\\weights-cifar10", /^error: .*cannot be a weights package.*with \/ on every system/],
];

async function rehearse(work) {
  const registry = await startRegistry(join(work, "registry"));
  try {
    const env = plainEnv(registry.env);
    const copy = new ReleaseCopy(join(work, "workspace"), env);
    await copy.create();
    say("copied the workspace and installed its dependencies");

    await copy.release("Version packages");
    await copy.checkPublished(registry.url);
    for (const [name, version] of copy.versions()) {
      assert.doesNotMatch(version, /^0\.0\./, `${name} was never released and no changeset names it: add one`);
    }
    say(`published ${[...copy.versions()].map(([name, version]) => `${name}@${version}`).join(", ")}`);

    const model = new Consumer(join(work, "model"), env);
    await model.npm("install", "@vitrail/resnet");
    const before = model.installed();
    const unwanted = [...before.keys()].filter((name) => notForModels.some((pattern) => pattern.test(name)));
    assert.deepEqual(unwanted, [], "what @vitrail/resnet must not bring in");
    cpSync(join(root, "tooling/publish/consumer/gradient.mjs"), join(model.folder, "gradient.mjs"));
    say(`npm i @vitrail/resnet: ${before.size} packages; ${(await model.node("gradient.mjs")).trim()}`);

    const patched = await copy.releaseOne("@vitrail/layers", "patch");
    await copy.checkPublished(registry.url);
    assert.deepEqual(patched, ["@vitrail/layers"], "a patch of layers moves layers alone");
    await model.npm("update");
    assert.deepEqual(changed(before, model.installed()), patched, "npm update moves layers alone");
    await model.node("gradient.mjs");
    say(
      `a patch of @vitrail/layers alone: npm update took ${model.installed().get("@vitrail/layers")} and nothing else`,
    );

    const app = new Consumer(join(work, "app"), env);
    await app.npm("install", "vitrail");
    const vitrail = binOf("vitrail", "vitrail", app.folder);
    const version = (await app.npm("exec", "--no", "--", "vitrail", "--version")).trim();
    assert.equal(version, copy.versions().get("vitrail"), "vitrail --version");
    cpSync(join(root, "apps/cli/photos/chelsea.png"), join(app.folder, "chelsea.png"));
    // the model in the box: a rehearsal asks no hub
    assert.match(await app.node(vitrail, "classify", "chelsea.png", "--offline"), /\bcat\b/, "chelsea is a cat");
    const models = JSON.parse(await app.node(vitrail, "models", "--json")).flatMap(({ checkpoints }) => checkpoints);
    const box = models.filter((one) => one.package !== null);
    assert(box.length > 0, "vitrail models lists the models in the box");
    for (const { package: id, labels } of box) {
      const [answer] = JSON.parse(
        await app.node(vitrail, "classify", "chelsea.png", "--weights", id, "--offline", "--json"),
      );
      assert(labels.includes(answer.predictions[0].label), `${id} answers with one of its labels`);
    }
    for (const [weights, message] of nonsense) {
      const { status, stdout, stderr } = await app.ends(vitrail, "classify", "chelsea.png", "--weights", weights);
      assert.deepEqual([status, stdout], [1, ""], `--weights ${weights} is refused`);
      assert.match(stderr, message);
    }
    say(
      `npm i vitrail: version ${version}, chelsea.png is a cat, and ${box.map((one) => one.package).join(", ")} answer`,
    );

    const moved = await copy.releaseOne("@vitrail/layers", "minor");
    await copy.checkPublished(registry.url);
    assert(moved.includes("@vitrail/layers") && moved.includes("@vitrail/resnet"), `${moved}`);
    assert(!moved.includes("@vitrail/tensor") && !moved.includes("@vitrail/checkpoint"), `${moved}`);
    await model.npm("update");
    assert.deepEqual(changed(before, model.installed()), ["@vitrail/layers", "@vitrail/resnet"]);
    await model.node("gradient.mjs");
    say(`a minor of @vitrail/layers: it moved with its dependants (${moved.join(", ")}), tensor stayed`);
  } finally {
    registry.close();
  }
}

const work = mkdtempSync(join(tmpdir(), "vitrail-rehearsal-"));
try {
  await rehearse(work);
  say("the rehearsal went well");
} finally {
  if (process.env.VITRAIL_KEEP === undefined) rmSync(work, { recursive: true, force: true, maxRetries: 5 });
  else console.log(`kept ${work}`);
}
