import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type StubFiles, type StubHub, sha256, shared, startStubHub } from "@repo/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { DEFAULT_MODEL } from "../src/open-classifier.ts";
import { bundleCommand } from "./bundle.ts";
import { type Result, run } from "./run.ts";

const cat = fileURLToPath(new URL("../photos/chelsea.png", import.meta.url));
const box = fileURLToPath(new URL("../../../packages/weights-cifar10/", import.meta.url));
const vit = shared("hub/timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k");
const filesOf = (folder: string): StubFiles => ({
  "config.json": readFileSync(join(folder, "config.json")),
  "model.safetensors": readFileSync(join(folder, "model.safetensors")),
});
const cifar = filesOf(box);

let out: string;
let hub: StubHub;
let home: string;
let env: NodeJS.ProcessEnv;
const vitrail = (...args: string[]): Promise<Result> => run(join(out, "vitrail.js"), args, { env, cwd: home });
const json = (result: Result) => JSON.parse(result.stdout);

beforeAll(async () => {
  out = await bundleCommand(".vitrail-hub");
  hub = await startStubHub({});
});
afterAll(() => hub.close());
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "vitrail-cli-hub-"));
  env = { HF_HOME: home, HF_ENDPOINT: hub.endpoint, HF_TOKEN: "", HF_HUB_OFFLINE: "", NO_PROXY: "*" };
  for (const name of Object.keys(hub.repos)) delete hub.repos[name];
  hub.repos["org/cifar"] = { revisions: { main: cifar } };
  hub.fault = undefined;
  hub.requests.length = 0;
});
afterEach(() => rmSync(home, { recursive: true }));

/** What more than a megabyte is worth saying, and nothing else. */
const fetched = expect.stringMatching(/^fetching model\.safetensors, 2\.2 MB, from 127\.0\.0\.1:\d+\n$/);

describe("vitrail classify --model of a name on the hub", () => {
  test("fetches, verifies, caches and answers; after that the network is not touched", async () => {
    const first = await vitrail("classify", cat, "--model", "org/cifar", "--json");
    expect(first).toMatchObject({ status: 0, stderr: fetched });
    expect(json(first)[0]).toMatchObject({ model: "resnet20_cifar", predictions: [{ label: "cat" }, {}, {}, {}, {}] });
    hub.requests.length = 0;
    for (const more of [[], ["--offline"]]) {
      expect((await vitrail("classify", cat, "--weights", "org/cifar@main", ...more)).status).toBe(0);
    }
    expect(hub.requests).toEqual([]);
  });

  test("a known checkpoint is fetched by its own name, a model by timm's default for it", async () => {
    hub.repos["timm/resnet50.a1_in1k"] = { revisions: { main: cifar } };
    const tagged = await vitrail("classify", cat, "--model", "resnet50.a1_in1k");
    expect(tagged).toMatchObject({ status: 0, stderr: fetched });
    const plain = await vitrail("classify", cat, "--model", "resnet50");
    expect(plain).toMatchObject({ status: 0, stderr: expect.stringContaining("taking resnet50.a1_in1k") });
  });

  test.each<[string, string[], RegExp]>([
    [
      "an unknown tag",
      ["--model", "resnet50.a1_in1"],
      /no published checkpoint "a1_in1"\. Did you mean resnet50\.a1_in1k/,
    ],
    ["an unknown model", ["--model", "resnet51.a1_in1k"], /Did you mean resnet50/],
    ["a model that nobody publishes", ["--model", "vit_tiny_patch32_224"], /nobody has published weights/],
    [
      "an unknown repository",
      ["--model", "timm/resnet50.a1_in1"],
      /no timm\/resnet50\.a1_in1 on .*did you mean resnet50\.a1_in1k/,
    ],
    ["an unknown revision", ["--model", "org/cifar@v9"], /org\/cifar has no revision "v9"/],
    ["a revision that leads out", ["--weights", "org/cifar@../../x"], /is no revision/],
    ["nothing cached", ["--model", "org/cifar", "--offline"], /org\/cifar is not in the cache .* --offline/],
  ])("%s is one line with what to do, status 1, nothing on stdout", async (_, args, message) => {
    const { status, stdout, stderr } = await vitrail("classify", cat, ...args);
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });

  test("a gated repository says where its terms are, and not the token", async () => {
    hub.repos["org/gated"] = { revisions: { main: cifar }, access: { kind: "gated", token: "hf_other" } };
    env.HF_TOKEN = "hf_secret";
    const { status, stderr } = await vitrail("classify", cat, "--model", "org/gated");
    expect(status).toBe(1);
    expect(stderr).toContain(`accept its terms at ${hub.endpoint}/org/gated`);
    expect(stderr).not.toContain("hf_secret");
  });
});

describe("vitrail classify without --model and --weights", () => {
  test("takes the default, fetched once", async () => {
    hub.repos[`timm/${DEFAULT_MODEL}`] = { revisions: { main: cifar } };
    const first = await vitrail("classify", cat, "--json");
    expect(first).toMatchObject({ status: 0, stderr: fetched });
    hub.requests.length = 0;
    expect((await vitrail("classify", cat)).stderr).toBe("");
    expect(hub.requests).toEqual([]);
  });

  test.each<[string, () => void, RegExp]>([
    ["nobody listens", () => (env.HF_ENDPOINT = "http://127.0.0.1:2"), /nothing listens/],
    [
      "there is no such host",
      () => (env.HF_ENDPOINT = "http://hub.example.invalid"),
      /not known \(DNS\)|no connection|no route/,
    ],
    ["the hub does not have it", () => {}, /there is no timm/],
    ["a portal answers", () => (hub.fault = () => ({ page: "<!doctype html>Log in" })), /web page/],
    ["the hub never answers", () => (hub.fault = () => ({ silent: true })), /no answer in time/],
    ["the hub is down", () => (hub.fault = () => ({ status: 503 })), /503/],
    ["the cache cannot be written", () => writeFileSync(join(home, "hub"), ""), /HF_HUB_CACHE/],
    ["the network may not be asked", () => (env.HF_HUB_OFFLINE = "1"), /may not be asked/],
  ])("where %s the model in the box answers, and stderr says so", async (name, arrange, reason) => {
    if (/cache/.test(name)) hub.repos[`timm/${DEFAULT_MODEL}`] = { revisions: { main: cifar } };
    arrange();
    const begun = Date.now();
    const result = await vitrail("classify", cat, "--json");
    expect(json(result)[0]).toMatchObject({ model: "resnet20_cifar", predictions: [{ label: "cat" }, {}, {}, {}, {}] });
    expect(result.status).toBe(0);
    expect(result.stderr).toMatch(new RegExp(`default model, ${DEFAULT_MODEL}, is neither cached nor to be had: .*`));
    expect(result.stderr).toMatch(reason);
    expect(result.stderr).toMatch(/The model in the box, resnet20_cifar, tells ten things apart: airplane/);
    expect(Date.now() - begun).toBeLessThan(30_000);
  });

  test("--offline never asks the network", async () => {
    hub.repos[`timm/${DEFAULT_MODEL}`] = { revisions: { main: cifar } };
    const result = await vitrail("classify", cat, "--offline");
    expect(result).toMatchObject({ status: 0, stderr: expect.stringContaining("model in the box") });
    expect(hub.requests).toEqual([]);
  });

  test("the demo uses the model in the box and asks nobody", async () => {
    hub.repos[`timm/${DEFAULT_MODEL}`] = { revisions: { main: cifar } };
    expect((await run(join(out, "demo.js"), [], { env })).stdout).toMatch(/chelsea\.png +cat /);
    expect(hub.requests).toEqual([]);
  });

  test.skipIf(!vit)(
    "with the real weights names the cat among a thousand (skipped without ../shared/hub)",
    async () => {
      hub.repos[`timm/${DEFAULT_MODEL}`] = { revisions: { main: filesOf(vit as string) } };
      const result = await vitrail("classify", cat, "--json");
      expect(json(result)[0]).toMatchObject({
        model: "vit_tiny_patch16_224",
        predictions: [{ label: "Egyptian cat" }, {}, {}, {}, {}],
      });
      expect(result.stderr).toBe(`fetching model.safetensors, 22.9 MB, from ${new URL(hub.endpoint).host}\n`);
      expect(json(result)[0].predictions[0].probability).toBeCloseTo(0.8128, 4);
    },
  );
});

describe("vitrail download", () => {
  test("fetches by name, tag and address, and says what is there already", async () => {
    hub.repos["timm/resnet18.a1_in1k"] = { revisions: { main: cifar, "refs/pr/1": cifar } };
    const first = await vitrail("download", "resnet18.a1_in1k", "--json");
    expect(json(first)).toMatchObject({
      id: "timm/resnet18.a1_in1k",
      commit: hub.commit("timm/resnet18.a1_in1k"),
      fetched: true,
    });
    const again = await vitrail("download", "timm/resnet18.a1_in1k");
    expect(again.stderr).toContain("in the cache already");
    const [config, model] = again.stdout.trim().split("\n");
    expect(readFileSync(config as string)).toEqual(cifar["config.json"]);
    expect(readFileSync(model as string)).toEqual(cifar["model.safetensors"]);
    expect((await vitrail("download", "resnet18.a1_in1k@refs/pr/1")).status).toBe(0);
    const url = `${hub.endpoint}/org/cifar/resolve/main/model.safetensors`;
    const hash = sha256(cifar["model.safetensors"] as Uint8Array);
    expect(json(await vitrail("download", `${url}#sha256=${hash}`, "--json"))).toMatchObject({
      commit: null,
      fetched: true,
    });
    const wrong = await vitrail("download", `${url}#sha256=${"0".repeat(64)}`);
    expect(wrong).toMatchObject({
      status: 1,
      stdout: "",
      stderr: expect.stringMatching(/^fetching .*\nerror: .*other bytes.*\n$/),
    });
  });

  test("an unknown name offers the nearest", async () => {
    const { status, stderr } = await vitrail("download", "resnet18.a1_in1");
    expect(status).toBe(1);
    expect(stderr).toContain("Did you mean resnet18.a1_in1k");
  });
});

describe("vitrail cache", () => {
  test("lists, verifies and prunes", async () => {
    expect(await vitrail("cache", "list")).toMatchObject({
      status: 0,
      stdout: "",
      stderr: expect.stringContaining("empty"),
    });
    await vitrail("download", "org/cifar");
    expect((await vitrail("cache", "list")).stdout).toMatch(/^org\/cifar +2\.2 MB +main +[0-9a-f]{12} +2$/m);
    expect(json(await vitrail("cache", "list", "--json"))[0]).toMatchObject({ name: "org/cifar" });
    expect(await vitrail("cache", "verify")).toMatchObject({
      status: 0,
      stdout: expect.stringContaining("every file is"),
    });
    writeFileSync(json(await vitrail("download", "org/cifar", "--json")).files[1], "half");
    const bad = await vitrail("cache", "verify");
    expect(bad).toMatchObject({
      status: 1,
      stdout: expect.stringContaining("hash"),
      stderr: expect.stringContaining("--remove"),
    });
    expect((await vitrail("cache", "verify", "--remove")).status).toBe(0);
    expect((await vitrail("classify", cat, "--model", "org/cifar")).status).toBe(0);
    expect(await vitrail("cache", "prune", "--dry-run")).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/^0 removed, 0\.0 MB/),
    });
    expect((await vitrail("cache", "prnue")).stderr).toMatch(/unknown command 'prnue'\n\(Did you mean prune\?\)/);
  });
});

test("vitrail info reads a repository of the hub", async () => {
  const { stdout, status } = await vitrail("info", "org/cifar");
  expect(status).toBe(0);
  expect(stdout).toMatch(/^org\/cifar\n.*safetensors, 1 file/);
  expect((await vitrail("info", "org/absent", "--offline")).stderr).toMatch(/not in the cache/);
});
