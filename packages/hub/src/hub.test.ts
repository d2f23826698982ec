import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gitBlobSha1, sha256 } from "@repo/testing";
import { encodeSafetensors } from "@vitrail/checkpoint";
import { expect, test, vi } from "vitest";
import { downloadWeights, isCached, openWeights, parseHubId } from "./index.ts";
import { below, config, failing, files, first, model, quick, stubbed } from "./testing/stubbed.ts";

const at = stubbed();
const theirs = {
  "config.json": JSON.stringify({ model_type: "resnet", id2label: { 0: "a", 1: "b" } }),
  "preprocessor_config.json": JSON.stringify({ size: { shortest_edge: 224 }, crop_pct: 0.875, resample: 3 }),
  "model.safetensors": model,
};
const open = (source: Parameters<typeof openWeights>[0], options = {}) => openWeights(source, { ...quick, ...options });

test("a repository is fetched once, and after that the network is not touched", async () => {
  expect(isCached("org/model")).toBe(false);
  const progress: number[] = [];
  const weights = await open("org/model", { onProgress: (p: { loaded: number }) => progress.push(p.loaded) });
  expect(weights).toMatchObject({ id: "org/model", config: { architecture: "resnet18", labels: ["a", "b"] } });
  expect(weights.tensors.get("w")?.float32()[7]).toBe(1);
  weights.close();
  expect(progress.at(-1)).toBe(model.length);
  expect(at.hub.requests.map(({ method, path, at: host }) => `${host} ${method} ${path.split("?")[0]}`)).toEqual([
    "hub HEAD /org/model/resolve/main/config.json",
    "hub HEAD /org/model/resolve/main/model.safetensors",
    "hub GET /org/model/resolve/main/config.json",
    "hub GET /org/model/resolve/main/model.safetensors",
    `cdn GET /cdn/${sha256(model)}`,
  ]);
  at.hub.requests.length = 0;
  (await open("org/model")).close();
  expect(at.hub.requests).toEqual([]);
  expect(isCached("org/model")).toBe(true);
});

test("the cache is laid out as Python's huggingface_hub documents it", async () => {
  (await open("org/model")).close();
  const commit = at.hub.commit("org/model");
  const folder = join(at.cache, "models--org--model");
  expect(below(folder)).toEqual(
    [
      `blobs/${gitBlobSha1(Buffer.from(config))}`,
      `blobs/${sha256(model)}`,
      "refs/main",
      `snapshots/${commit}/config.json`,
      `snapshots/${commit}/model.safetensors`,
    ].sort(),
  );
  expect(readFileSync(join(folder, "refs/main"), "utf8")).toBe(commit);
  expect(readlinkSync(join(folder, "snapshots", commit, "model.safetensors"))).toBe(`../../blobs/${sha256(model)}`);
  expect(below(join(at.cache, ".locks"))).toEqual([]);
});

test("without symlinks the files themselves stand in the snapshot, and load", async () => {
  vi.stubEnv("HF_HUB_DISABLE_SYMLINKS", "1");
  (await open("org/model")).close();
  const snapshot = join(at.cache, "models--org--model/snapshots", at.hub.commit("org/model"));
  expect(lstatSync(join(snapshot, "model.safetensors")).isSymbolicLink()).toBe(false);
  (await open("org/model", { offline: true })).close();
});

test("a missing config.json is no error, is remembered, and is not asked for again", async () => {
  at.hub.repos["org/bare"] = { revisions: { main: { "model.safetensors": model } } };
  expect((await open("org/bare")).config).toBeUndefined();
  const commit = at.hub.commit("org/bare");
  expect(existsSync(join(at.cache, "models--org--bare/.no_exist", commit, "config.json"))).toBe(true);
  at.hub.requests.length = 0;
  expect((await open("org/bare")).config).toBeUndefined();
  expect(at.hub.requests).toEqual([]);
});

test("of a repository of transformers the preprocessing comes too, also where Python's client left it out", async () => {
  at.hub.repos["org/theirs"] = { revisions: { main: theirs } };
  const preprocess = { inputSize: [3, 224, 224], interpolation: "bicubic", cropPct: 0.875, cropMode: "center" };
  expect((await open("org/theirs")).config).toMatchObject({ architecture: "resnet50", preprocess });
  at.hub.requests.length = 0;
  expect((await open("org/theirs")).config).toMatchObject({ labels: ["a", "b"], preprocess });
  expect(at.hub.requests).toEqual([]);
  rmSync(join(at.cache, "models--org--theirs/snapshots", at.hub.commit("org/theirs"), "preprocessor_config.json"));
  expect((await open("org/theirs", { offline: true })).config?.preprocess).toBeUndefined();
  expect((await open("org/theirs")).config).toMatchObject({ preprocess });
  const { "preprocessor_config.json": _, ...without } = theirs;
  at.hub.repos["org/without"] = { revisions: { main: without } };
  for (const asked of [true, false]) {
    at.hub.requests.length = 0;
    expect((await open("org/without")).config?.preprocess).toBeUndefined();
    expect(at.hub.requests.length > 0).toBe(asked);
  }
});

test("a timm name with its tag is in timm's organisation; a prefix and a page's address name the same", async () => {
  at.hub.repos["timm/resnet18.a1_in1k"] = { revisions: { main: files } };
  const sources = ["resnet18.a1_in1k", "timm/resnet18.a1_in1k", "hf-hub:timm/resnet18.a1_in1k"];
  for (const source of [...sources, `${at.hub.endpoint}/timm/resnet18.a1_in1k`, { hubId: "timm/resnet18.a1_in1k" }]) {
    const weights = await open(source);
    expect(weights.config?.architecture).toBe("resnet18");
    weights.close();
  }
  expect(at.hub.requests.filter(({ at: host }) => host === "cdn")).toHaveLength(1);
});

test("what is on the disk comes before a name on the hub", async () => {
  mkdirSync(join(at.home, "org/model"), { recursive: true });
  writeFileSync(join(at.home, "org/model/model.safetensors"), model);
  const before = process.cwd();
  process.chdir(at.home);
  try {
    expect((await open("org/model")).files).toEqual([join("org/model", "model.safetensors")]);
  } finally {
    process.chdir(before);
  }
  expect(at.hub.requests).toEqual([]);
});

test("a revision with slashes is one segment, every file is of its commit, and it loads offline by that name", async () => {
  const pr = { ...files, "config.json": JSON.stringify({ architecture: "resnet34", num_classes: 2 }) };
  at.hub.repos["o/m"] = { revisions: { main: files, "refs/pr/1": pr } };
  // Nothing but this revision's own paths is known here: no API, no commit in a path.
  at.hub.fault = ({ path, at: host }) =>
    host === "cdn" || path.startsWith("/o/m/resolve/refs%2Fpr%2F1/") ? undefined : { status: 404 };
  for (const options of [{}, { offline: true }]) {
    const weights = await open("o/m@refs/pr/1", options);
    expect(weights.config?.architecture).toBe("resnet34");
    weights.close();
  }
  expect(readFileSync(join(at.cache, "models--o--m/refs/refs/pr/1"), "utf8")).toBe(at.hub.commit("o/m", "refs/pr/1"));
  await expect(open("o/m", { offline: true })).rejects.toThrow(failing("offline", /o\/m is not in the cache/));
});

test.each(["org/model@../../x", "org/model@", "org/model@a//b", "org/model@/etc", "org/model@a\\b", "org/model@x y"])(
  "%s is refused before anything is asked or written",
  async (source) => {
    await expect(open(source)).rejects.toThrow(failing("bad-id", /is no revision/));
    expect(at.hub.requests).toEqual([]);
    expect(below(at.home)).toEqual([]);
  },
);

test("names are read as hub names where they look like one", () => {
  const main = (repo: string) => ({ repo, revision: "main" });
  expect(parseHubId("org/repo")).toEqual(main("org/repo"));
  expect(parseHubId("org/repo@v1.0")).toEqual({ repo: "org/repo", revision: "v1.0" });
  expect(parseHubId("vit_base_patch16_224.augreg2_in21k_ft_in1k")).toEqual(
    main("timm/vit_base_patch16_224.augreg2_in21k_ft_in1k"),
  );
  expect(parseHubId("hf-hub:org/x.bin")).toEqual(main("org/x.bin"));
  expect(parseHubId("hfl/model")).toEqual(main("hfl/model"));
  for (const path of ["model.safetensors", "weights/x.pth", "a/b/c", "resnet50", "./a/b", "C:\\a\\b", "фото/x"]) {
    expect(parseHubId(path), path).toBeUndefined();
  }
  for (const bad of ["hf-hub:x", "org/a--b", "org/a..b", "org/x.git", `org/${"x".repeat(100)}`, "org/x."]) {
    expect(() => parseHubId(bad), bad).toThrow(failing("bad-id", /./));
  }
});

test("one load takes one commit, also when the branch moves in the middle of it", async () => {
  const before = at.hub.commit("org/model");
  const newer = { ...files, "model.safetensors": model.slice(0, -4) };
  at.hub.repos["org/model"] = { revisions: { main: files, old: files } };
  at.hub.fault = ({ path, method }) => {
    if (method === "HEAD" && path.endsWith("model.safetensors")) {
      const repo = at.hub.repos["org/model"];
      if (repo?.revisions.main === files) {
        at.hub.repos["org/model"] = { revisions: { old: files, main: newer } };
      }
    }
    return undefined;
  };
  const weights = await open("org/model");
  expect(weights.files[0]).toContain(before);
  expect(weights.tensors.get("w")?.float32()).toHaveLength(50_000);
});

test("asking again finds a branch that has moved; the older commit stays", async () => {
  await downloadWeights("org/model", quick);
  const before = at.hub.commit("org/model");
  at.hub.repos["org/model"] = { revisions: { main: { ...files, "config.json": `${config} ` } } };
  expect((await open("org/model")).files[0]).toContain(before);
  const { commit, fetched } = await downloadWeights("org/model", quick);
  expect([commit, fetched]).toEqual([at.hub.commit("org/model"), true]);
  expect((await open("org/model")).files[0]).toContain(commit);
  (await open(`org/model@${before}`, { offline: true })).close();
  expect((await downloadWeights("org/model", quick)).fetched).toBe(false);
  at.hub.requests.length = 0;
  expect((await downloadWeights("org/model", { ...quick, offline: true })).commit).toBe(commit);
  expect(at.hub.requests).toEqual([]);
});

test("a sharded checkpoint comes whole; an index that leads out of its repository is refused", async () => {
  const shard = encodeSafetensors([["v", { shape: [1], float32: () => Float32Array.of(3) }]]);
  const index = (names: Record<string, string>) => JSON.stringify({ weight_map: names });
  const parts = { "a.safetensors": model, "sub/b.safetensors": shard };
  const at1 = { "model.safetensors.index.json": index({ w: "a.safetensors", v: "sub/b.safetensors" }), ...parts };
  at.hub.repos["org/shards"] = { revisions: { main: at1 } };
  const weights = await open("org/shards");
  expect([...weights.tensors.keys()].sort()).toEqual(["v", "w"]);
  weights.close();
  rmSync(join(at.cache, "models--org--shards/blobs", sha256(shard)));
  (await open("org/shards")).close(); // a link to nothing is fetched again
  for (const path of ["../../../x", "/etc/passwd", "a\\..\\b"]) {
    at.hub.repos["org/escape"] = {
      revisions: { main: { "model.safetensors.index.json": index({ w: path }), ...parts } },
    };
    await expect(open("org/escape")).rejects.toMatchObject({ code: expect.stringMatching(/bad-index|unsafe-path/) });
  }
  expect(below(at.home).filter((path) => !path.startsWith("hub/models--org--"))).toEqual([]);
});

test("the one checkpoint of another name is taken from the listing; several or none are listed", async () => {
  at.hub.repos["org/other"] = { revisions: { main: { "net.safetensors": model, "notes.txt": "x" } } };
  (await open("org/other")).close();
  (await open("org/other", { offline: true })).close();
  at.hub.repos["org/two"] = { revisions: { main: { "a.safetensors": model, "b.safetensors": model } } };
  await expect(open("org/two")).rejects.toThrow(failing("several-checkpoints", /a\.safetensors, b\.safetensors/));
  at.hub.repos["org/none"] = { revisions: { main: { "config.json": config, "notes.txt": "x" } } };
  await expect(open("org/none")).rejects.toThrow(failing("no-checkpoint", /org\/none.*config\.json, notes\.txt/));
});

test("files at an address come into a cache, and are asked for again by their ETag", async () => {
  const url = `${at.hub.endpoint}/org/model/resolve/main/config.json`;
  const base = `${at.hub.endpoint}/org/model/resolve/main/`;
  const weights = await open(base);
  expect(weights.config?.architecture).toBe("resnet18");
  weights.close();
  at.hub.requests.length = 0;
  (await open(base)).close();
  expect(at.hub.requests.some(({ method }) => method === "GET")).toBe(false);
  (await open(base, { offline: true })).close();
  const parts = await open({ model, config: url });
  expect(parts.config?.architecture).toBe("resnet18");
  expect(below(at.cache)).toEqual([]); // Python's cache has no place for them
});

test("an address with a SHA-256 gives those bytes or an error, and is not asked again", async () => {
  const url = `${at.hub.endpoint}/org/model/resolve/main/model.safetensors`;
  await expect(open(`${url}#sha256=${"0".repeat(64)}`)).rejects.toThrow(failing("wrong-hash", /model\.safetensors/));
  expect(below(at.home)).toEqual([]);
  await expect(open(`${url}#sha256=12`)).rejects.toThrow(failing("bad-option", /64 hexadecimal/));
  (await open(`${url}#sha256=${sha256(model)}`)).close();
  at.hub.requests.length = 0;
  (await open({ model: url, sha256: sha256(model) })).close();
  expect(at.hub.requests).toEqual([]);
  await expect(open(`${at.hub.endpoint}/org/model/resolve/main/gone.safetensors`)).rejects.toThrow(
    failing("not-found", /nothing at/),
  );
});

test("loads from one address that overlap fetch it once; a changed file is fetched anew", async () => {
  const url = `${at.hub.endpoint}/org/model/resolve/main/model.safetensors`;
  const all = await Promise.all(Array.from({ length: 4 }, () => open(url)));
  for (const weights of all) weights.close();
  const gets = () => at.hub.requests.filter(({ at: host, method }) => host === "cdn" && method === "GET");
  expect(gets()).toHaveLength(1);
  at.hub.repos["org/model"] = { revisions: { main: { ...files, "model.safetensors": encodeSafetensors([]) } } };
  expect((await open(url)).tensors.size).toBe(0);
  expect(gets()).toHaveLength(2);
  at.hub.fault = () => ({ reset: true });
  expect((await open(url, { retries: 0 })).tensors.size).toBe(0); // what is there, where the network is not
});

test("requests go through the proxy of the environment, except where NO_PROXY says", async () => {
  const asked: string[] = [];
  const proxy = createServer((_, response) => response.writeHead(502).end());
  proxy.on("connect", (request, socket) => {
    asked.push(request.url ?? "");
    socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
  });
  proxy.on("request", (request) => asked.push(request.url ?? ""));
  await new Promise<void>((done) => proxy.listen(0, "127.0.0.1", done));
  const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  vi.stubEnv("HTTP_PROXY", address);
  vi.stubEnv("HTTPS_PROXY", address);
  const endpoint = "https://hub.example.invalid";
  await expect(open("org/model", { endpoint, retries: 0 })).rejects.toMatchObject({ name: "HubError" });
  expect(asked).toEqual(["hub.example.invalid:443"]);
  vi.stubEnv("NO_PROXY", "127.0.0.1,localhost");
  (await open("org/model")).close();
  expect(asked).toHaveLength(1);
  proxy.close();
});

test("an aborted load stops, and the next one works", async () => {
  const controller = new AbortController();
  at.hub.fault = first(1, { silent: true });
  const loading = open("org/model", { signal: controller.signal, stallTimeout: 60_000 });
  setTimeout(() => controller.abort(), 50);
  await expect(loading).rejects.toMatchObject({ name: "AbortError" });
  (await open("org/model")).close();
});
