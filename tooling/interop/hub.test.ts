import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type StubFiles, type StubHub, sha256, startStubHub } from "@repo/testing";
import { encodeSafetensors } from "@vitrail/checkpoint";
import { downloadWeights, isCached, listCache, openWeights, pruneCache, verifyCache } from "@vitrail/hub";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { findPython, hubPy, record } from "./python.ts";

const python = findPython("huggingface_hub, safetensors, numpy");

const model = encodeSafetensors([["w", { shape: [3], float32: () => Float32Array.of(1, 2, 3) }]]);
const config = JSON.stringify({ architecture: "resnet18", num_classes: 3 });
const files: StubFiles = { "config.json": config, "model.safetensors": model, "sub/notes.txt": "notes" };

let hub: StubHub;
let home = "";
beforeAll(async () => {
  hub = await startStubHub({
    "org/model": { revisions: { main: files, "refs/pr/1": { ...files, "config.json": `${config}\n` } } },
    "org/bare": { revisions: { main: { "model.safetensors": model } } },
    "org/gated": { revisions: { main: files }, access: { kind: "gated", token: "hf_right" } },
    "org/private": { revisions: { main: files }, access: { kind: "private", token: "hf_right" } },
  });
  home = mkdtempSync(join(tmpdir(), "vitrail-interop-"));
});
const passed: string[] = [];
afterEach(({ task }) => {
  if (task.result?.state !== "fail") passed.push(task.name);
});
afterAll(async () => {
  if (python) record("hub", await hubPy(python, {}, "version"), passed);
  await hub.close();
  rmSync(home, { recursive: true });
});

const hashes = Object.fromEntries(Object.entries(files).map(([path, content]) => [path, sha256(Buffer.from(content))]));
const at = (cache: string, more: NodeJS.ProcessEnv = {}) => ({
  HF_ENDPOINT: hub.endpoint,
  HF_HOME: join(home, cache),
  ...more,
});
const py = (env: NodeJS.ProcessEnv, ...args: string[]) => hubPy(python as string, env, ...args);

describe.skipIf(!python)("Python's hub client against the stub (skipped without Python's huggingface_hub)", () => {
  test("takes a whole repository, of main and of a revision with slashes", async () => {
    expect(await py(at("stub"), "snapshot", "org/model")).toEqual({ commit: hub.commit("org/model"), files: hashes });
    const pr = await py(at("stub"), "snapshot", "org/model", "refs/pr/1");
    expect(pr).toMatchObject({ commit: hub.commit("org/model", "refs/pr/1") });
    expect(await py(at("stub"), "scan")).toMatchObject({ warnings: [] });
    expect(await py(at("stub"), "verify")).toEqual({ mismatches: [] });
  });

  test("takes a file, and names each error as the hub's own", async () => {
    const errors: [string[], unknown][] = [
      [["org/model", "config.json"], { commit: hub.commit("org/model"), sha256: hashes["config.json"], link: true }],
      [["org/model", "absent.json"], { error: "RemoteEntryNotFoundError" }],
      [["org/model", "config.json", "absent"], { error: "RevisionNotFoundError" }],
      [["org/absent", "config.json"], { error: "RepositoryNotFoundError" }],
      [["org/private", "config.json"], { error: "RepositoryNotFoundError" }],
      [["org/gated", "config.json"], { error: "GatedRepoError" }],
    ];
    for (const [args, answer] of errors) expect(await py(at("errors"), "file", ...args)).toEqual(answer);
    const token = at("errors", { HF_TOKEN: "hf_right" });
    expect(await py(token, "file", "org/gated", "model.safetensors")).toMatchObject({
      sha256: hashes["model.safetensors"],
    });
    const leaked = hub.requests.filter((request) => request.at === "cdn" && request.headers.authorization);
    expect(leaked).toEqual([]);
  });
});

describe.skipIf(!python)("one cache for both (skipped without Python's huggingface_hub)", () => {
  const offline = { HF_HUB_OFFLINE: "1" };
  const ours = (cache: string, more = {}) => ({ endpoint: hub.endpoint, cacheDir: join(home, cache, "hub"), ...more });
  const expectSound = async (cache: string) => {
    expect(await py(at(cache), "scan")).toMatchObject({ warnings: [] });
    expect(await py(at(cache), "verify")).toEqual({ mismatches: [] });
    expect(await verifyCache(ours(cache))).toEqual([]);
  };
  const bodies = () => hub.requests.filter(({ method }) => method === "GET").length;
  beforeEach(() => {
    for (const name of Object.keys(process.env)) if (/^HF_|_proxy$/i.test(name)) vi.stubEnv(name, undefined);
    hub.requests.length = 0;
  });

  test("what Python fetched loads here with the network off", async () => {
    for (const revision of ["main", "refs/pr/1"]) await py(at("theirs"), "snapshot", "org/model", revision);
    hub.requests.length = 0;
    for (const id of ["org/model", "org/model@refs/pr/1", `org/model@${hub.commit("org/model")}`]) {
      expect(isCached(id, ours("theirs"))).toBe(true);
      const weights = await openWeights(id, ours("theirs", { offline: true }));
      expect(weights.config?.architecture).toBe("resnet18");
      expect([...(weights.tensors.get("w")?.float32() ?? [])]).toEqual([1, 2, 3]);
      weights.close();
    }
    (await openWeights("org/model", ours("theirs"))).close();
    expect(hub.requests).toEqual([]);
    await expectSound("theirs");
  });

  test("what Vitrail fetched loads there with the network off, and its scan finds nothing wrong", async () => {
    for (const id of ["org/model", "org/model@refs/pr/1", "org/bare"]) await downloadWeights(id, ours("mine"));
    hub.requests.length = 0;
    const env = at("mine", offline);
    expect(await py(env, "tensors", "org/model", "model.safetensors")).toEqual({ w: [1, 2, 3] });
    expect(await py(env, "file", "org/model", "config.json", "refs/pr/1")).toMatchObject({
      commit: hub.commit("org/model", "refs/pr/1"),
    });
    expect(await py(env, "cached", "org/bare", "config.json")).toEqual({ found: "no_exist" });
    const { repos } = (await py(env, "scan")) as { repos: Record<string, { revisions: Record<string, unknown> }> };
    expect(repos["org/model"]?.revisions).toEqual({
      [hub.commit("org/model")]: { refs: ["main"], files: ["config.json", "model.safetensors"] },
      [hub.commit("org/model", "refs/pr/1")]: { refs: ["refs/pr/1"], files: ["config.json", "model.safetensors"] },
    });
    expect(hub.requests).toEqual([]);
    await expectSound("mine");
  });

  test("each goes on where the other stopped: no content is fetched twice", async () => {
    await downloadWeights("org/model", ours("both"));
    const before = bodies();
    await py(at("both"), "snapshot", "org/model");
    const paths = hub.requests.filter(({ method, at: host }) => method === "GET" && host === "cdn");
    expect(paths).toHaveLength(1); // the checkpoint, once, by Vitrail
    expect(bodies()).toBeGreaterThan(before);
    hub.requests.length = 0;
    expect(await downloadWeights("org/model", ours("both"))).toMatchObject({ fetched: false });
    expect(bodies()).toBe(0);
    await expectSound("both");
  });

  test("without symlinks too, and after pruning", async () => {
    vi.stubEnv("HF_HUB_DISABLE_SYMLINKS", "1");
    await downloadWeights("org/model", ours("flat"));
    expect(await py(at("flat", offline), "tensors", "org/model", "model.safetensors")).toEqual({ w: [1, 2, 3] });
    await py(at("flat", { HF_HUB_DISABLE_SYMLINKS: "1" }), "snapshot", "org/model", "refs/pr/1");
    (await openWeights("org/model@refs/pr/1", ours("flat", { offline: true }))).close();
    pruneCache(ours("flat"));
    expect(listCache(ours("flat"))[0]?.revisions).toHaveLength(2);
    await expectSound("flat");
  });
});
