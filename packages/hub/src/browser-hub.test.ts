import type { Fault } from "@repo/testing";
import { sha256 } from "@repo/testing";
import { encodeSafetensors } from "@vitrail/checkpoint";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openWeights } from "./browser.ts";
import { failing, files, first, isBody, model, stubbed } from "./testing/stubbed.ts";

const at = stubbed();
/** As Cache Storage does, in memory. */
const kept = new Map<string, Uint8Array>();
let full = false;
beforeEach(() => {
  kept.clear();
  full = false;
  vi.stubGlobal("caches", {
    open: async () => ({
      match: async (key: string) => (kept.has(key) ? new Response(kept.get(key) as BodyInit) : undefined),
      put: async (key: string, response: Response) => {
        if (full) throw new DOMException("no room", "QuotaExceededError");
        kept.set(key, new Uint8Array(await response.arrayBuffer()));
      },
    }),
  });
});
afterEach(() => vi.unstubAllGlobals());
const open = (source: Parameters<typeof openWeights>[0], options = {}) =>
  openWeights(source, { endpoint: at.hub.endpoint, retryDelay: 1, ...options });

test("a name on the hub is fetched once, of one commit, and kept in Cache Storage", async () => {
  at.hub.repos["timm/resnet18.a1_in1k"] = { revisions: { main: files, "refs/pr/1": files } };
  const commit = at.hub.commit("timm/resnet18.a1_in1k");
  const progress: number[] = [];
  const weights = await open("resnet18.a1_in1k", { onProgress: (p: { loaded: number }) => progress.push(p.loaded) });
  expect(weights).toMatchObject({ id: "resnet18.a1_in1k", config: { architecture: "resnet18" } });
  expect(weights.files).toEqual([`${at.hub.endpoint}/timm/resnet18.a1_in1k/resolve/${commit}/model.safetensors`]);
  expect(weights.tensors.get("w")?.float32()[7]).toBe(1);
  expect(progress.at(-1)).toBe(model.length);
  at.hub.requests.length = 0;
  for (const options of [{}, { offline: true }]) {
    for (const source of [
      "timm/resnet18.a1_in1k",
      "hf-hub:timm/resnet18.a1_in1k@main",
      { hubId: "timm/resnet18.a1_in1k" },
    ])
      expect((await open(source, options)).config?.architecture).toBe("resnet18");
  }
  expect(at.hub.requests).toEqual([]);
  (await open("timm/resnet18.a1_in1k@refs/pr/1")).close();
  expect(at.hub.requests.map(({ path }) => path)).toContain("/api/models/timm/resnet18.a1_in1k/revision/refs%2Fpr%2F1");
  await expect(open("o/m", { offline: true })).rejects.toThrow(failing("offline", /not in this browser's cache/));
});

test.each<[string, Fault, string, RegExp]>([
  ["a gated repository", { status: 401, code: "GatedRepo" }, "gated", /accept its terms/],
  ["one that may not be read", { status: 403 }, "forbidden", /may not be read/],
  ["a private or absent one", { status: 401, code: "RepoNotFound" }, "repo-not-found", /check the name/],
  ["a server that fails", { status: 503 }, "server-error", /503/],
  ["a portal", { page: "<!doctype html>Log in" }, "web-page", /web page/],
  [
    "a page that says it is JSON",
    { page: "\n<html>", headers: { "content-type": "application/json" } },
    "web-page",
    /./,
  ],
  ["another server", { body: () => Buffer.from("{}") }, "not-a-hub", /calls its commit undefined/],
])("%s: an error that says what to do, nothing kept, and the next load asks again", async (_, fault, code, message) => {
  at.hub.fault = () => fault;
  await expect(open("org/model", { retries: 0 })).rejects.toThrow(failing(code, message));
  expect(kept.size).toBe(0);
  at.hub.fault = undefined;
  (await open("org/model")).close();
});

test.each<[string, Fault, string]>([
  ["other bytes", { body: (bytes) => bytes.map((byte) => byte ^ 1) }, "wrong-hash"],
  ["more bytes", { body: (bytes) => Buffer.concat([bytes, bytes]) }, "wrong-size"],
  ["fewer bytes", { body: (bytes) => bytes.subarray(0, 99) }, "wrong-size"],
  ["a page", { page: "<!doctype html>Log in" }, "web-page"],
])("%s in place of the checkpoint are refused and not kept", async (_, fault, code) => {
  at.hub.fault = (request) => (isBody(request) ? fault : undefined);
  await expect(open("org/model", { retries: 0 })).rejects.toMatchObject({ code });
  expect([...kept.keys()].filter((key) => /safetensors|vitrail=files/.test(key))).toEqual([]);
  at.hub.fault = undefined;
  (await open("org/model")).close();
});

test("what may pass is asked again, and a cut download goes on where it ended", async () => {
  at.hub.fault = first(2, { status: 429 });
  (await open("org/model")).close();
  kept.clear();
  at.hub.fault = first(1, { cutAfter: 70_000 }, isBody);
  at.hub.requests.length = 0;
  (await open("org/model")).close();
  expect(at.hub.requests.filter(isBody).map(({ headers }) => headers.range)).toEqual([
    undefined,
    expect.stringMatching(/^bytes=\d{4,}-$/),
  ]);
});

test("of a repository of transformers the preprocessing comes too", async () => {
  const config = JSON.stringify({ model_type: "resnet", id2label: { 0: "a", 1: "b" } });
  const preprocessor = JSON.stringify({ size: { shortest_edge: 224 }, resample: 3 });
  const theirs = { "config.json": config, "preprocessor_config.json": preprocessor, "model.safetensors": model };
  at.hub.repos["org/theirs"] = { revisions: { main: theirs } };
  for (const options of [{}, { offline: true }]) {
    const weights = await open("org/theirs", options);
    expect(weights.config).toMatchObject({ architecture: "resnet50", preprocess: { cropPct: 0.875 } });
    expect(weights.files).toHaveLength(1);
  }
});

test("shards come with their index; without room, or without Cache Storage, all of it still loads", async () => {
  const shard = encodeSafetensors([["v", { shape: [1], float32: () => Float32Array.of(3) }]]);
  const index = JSON.stringify({ weight_map: { w: "a.safetensors", v: "sub/b.safetensors" } });
  at.hub.repos["org/shards"] = {
    revisions: { main: { "model.safetensors.index.json": index, "a.safetensors": model, "sub/b.safetensors": shard } },
  };
  full = true;
  expect([...(await open("org/shards")).tensors.keys()].sort()).toEqual(["v", "w"]);
  vi.stubGlobal("caches", undefined);
  expect((await open("org/shards")).config).toBeUndefined();
});

test("an address with a SHA-256 gives those bytes or an error, and is kept", async () => {
  const url = `${at.hub.endpoint}/org/model/resolve/main/model.safetensors`;
  await expect(open(`${url}#sha256=${"0".repeat(64)}`)).rejects.toThrow(failing("wrong-hash", /other bytes/));
  await expect(open(`${url}#sha256=1`)).rejects.toThrow(failing("bad-option", /64 hexadecimal/));
  (await open(`${url}#sha256=${sha256(model)}`)).close();
  at.hub.requests.length = 0;
  (await open({ model: url, sha256: sha256(model) })).close();
  expect(at.hub.requests).toEqual([]);
});

test("a token goes with requests to the hub and is in no error", async () => {
  at.hub.repos["org/private"] = { revisions: { main: files }, access: { kind: "private", token: "hf_secret" } };
  (await open("org/private", { token: "hf_secret" })).close();
  const error = await open("org/private", { token: "hf_wrong", refresh: true }).catch((e: Error) => e);
  expect(error).toMatchObject({ code: "repo-not-found", message: expect.not.stringContaining("hf_wrong") });
});
