import { chmodSync, lchownSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Fault } from "@repo/testing";
import { describe, expect, test, vi } from "vitest";
import { openWeights } from "./index.ts";
import { below, config, failing, files, model, quick, stubbed } from "./testing/stubbed.ts";

const room = vi.hoisted(() => ({ free: undefined as number | undefined, code: undefined as string | undefined }));
vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  return {
    ...real,
    statfs: async (path: string) => (room.free === undefined ? real.statfs(path) : { bavail: room.free, bsize: 1 }),
    open: async (path: string, flags: string) => {
      const file = await real.open(path, flags);
      if (room.code) file.write = () => Promise.reject(Object.assign(new Error("no"), { code: room.code }));
      return file;
    },
  };
});

const at = stubbed();
const open = (source: string, options = {}) => openWeights(source, { ...quick, retries: 0, ...options });
const page = "<!DOCTYPE html><html><title>Welcome to our Wi-Fi</title></html>";

test.each<[string, Fault, string, RegExp]>([
  [
    "a gated repository",
    { status: 401, code: "GatedRepo" },
    "gated",
    /accept its terms at http:\/\/127.*\/org\/x and set HF_TOKEN/,
  ],
  ["a repository that the token may not read", { status: 403 }, "forbidden", /may not be read \(403\); set HF_TOKEN/],
  [
    "a private or absent repository",
    { status: 401, code: "RepoNotFound" },
    "repo-not-found",
    /or it is private: check the name, set HF_TOKEN.*no file or folder/,
  ],
  ["an absent revision", { status: 404, code: "RevisionNotFound" }, "revision-not-found", /no revision "main"/],
  [
    "a repository without the files",
    { status: 404, code: "EntryNotFound" },
    "entry-not-found",
    /no model\.safetensors.*tree\/main/,
  ],
  ["a server that fails", { status: 503 }, "server-error", /503/],
  ["a portal that answers all with a page", { page }, "web-page", /config\.json answers with a web page/],
  ["a page that says it is text", { page, headers: { "content-type": "application/json" } }, "web-page", /web page/],
  ["another server", { status: 200 }, "not-a-hub", /X-Repo-Commit.*HF_ENDPOINT/],
  ["a commit that is none", { headers: { "x-repo-commit": "../../x" } }, "not-a-hub", /commit/],
  ["an ETag that is a path", { headers: { etag: '"../../x"' } }, "not-a-hub", /ETag/],
  ["a connection that ends", { reset: true }, "unreachable", /connection to 127.* was lost/],
  ["a server that never answers", { silent: true }, "unreachable", /no answer in time/],
])("%s: one line that says what to do, and nothing cached", async (_, fault, code, message) => {
  at.hub.repos["org/x"] = { revisions: { main: files } };
  at.hub.fault = () => fault;
  const error = await open("org/x").catch((e: Error) => e);
  expect(error).toEqual(failing(code, message));
  expect((error as Error).message).not.toMatch(/\n/);
  expect(below(at.home)).toEqual([]);
  at.hub.fault = undefined;
  (await open("org/x")).close(); // the cause is gone: the network is asked again
});

test("an unknown name offers the nearest of those that are known", async () => {
  const names = ["resnet50.a1_in1k", "resnet18.a1_in1k", "vit_tiny_patch16_224.augreg_in21k_ft_in1k"];
  await expect(open("resnet50.a1_in1", { names })).rejects.toThrow(
    failing("repo-not-found", /did you mean resnet50\.a1_in1k/),
  );
  await expect(open("nobody/nothing", { names })).rejects.toThrow(failing("repo-not-found", /^(?!.*did you mean)/));
});

test("a gated repository asks a known account to accept the terms", async () => {
  at.hub.repos["org/gated"] = { revisions: { main: files }, access: { kind: "gated", token: "hf_other" } };
  await expect(open("org/gated", { token: "hf_mine" })).rejects.toThrow(
    failing("gated", /with the account of your token/),
  );
  (await open("org/gated", { token: "hf_other" })).close();
});

describe("without a network", () => {
  test.each([
    ["no such host", "http://hub.example.invalid", /is not known \(DNS\)|gave no connection|no route/],
    ["nobody listening", "http://127.0.0.1:2", /nothing listens at 127\.0\.0\.1:2/],
    ["a port that fetch does not open", "http://127.0.0.1:9", /127\.0\.0\.1:9 is a port that fetch refuses/],
  ])("%s: said at once, without repetition", async (_, endpoint, message) => {
    const begun = Date.now();
    await expect(open("org/model", { endpoint, retries: 5, retryDelay: 5000 })).rejects.toThrow(
      failing("unreachable", message),
    );
    expect(Date.now() - begun).toBeLessThan(4000);
  });

  test("what is cached loads, and what was cached before an error stays usable", async () => {
    (await open("org/model")).close();
    at.hub.fault = () => ({ status: 500 });
    await expect(open("org/model", { refresh: true })).rejects.toThrow(failing("server-error", /./));
    (await open("org/model", { endpoint: "http://127.0.0.1:9" })).close();
  });

  test("HF_HUB_OFFLINE never asks, and says what is not in the cache", async () => {
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    await expect(open("org/model")).rejects.toThrow(failing("offline", /org\/model is not in the cache \(.*hub\)/));
    await expect(open(`${at.hub.endpoint}/x.safetensors`)).rejects.toThrow(failing("offline", /x\.safetensors/));
    expect(at.hub.requests).toEqual([]);
  });
});

test.each(["ftp://example.org/x", "not an address", ""])("HF_ENDPOINT=%j is refused, by name", async (endpoint) => {
  vi.stubEnv("HF_ENDPOINT", endpoint || "x:");
  await expect(open("org/model")).rejects.toThrow(failing("bad-option", /HF_ENDPOINT/));
});

describe("a disk that takes nothing", () => {
  test("too little room is said before anything is fetched", async () => {
    room.free = 100;
    await expect(open("org/model")).rejects.toThrow(
      failing("disk-full", /model\.safetensors needs 0\.2 MB|config\.json needs/),
    );
    room.free = undefined;
    (await open("org/model")).close();
  });

  test.each(["ENOSPC", "EDQUOT"])("%s while writing: a clear error, and no half file stays", async (code) => {
    room.code = code;
    await expect(open("org/model")).rejects.toThrow(failing("disk-full", /no room to write.*HF_HUB_CACHE/));
    expect(below(at.home).filter((path) => path.includes("blobs"))).toEqual([]);
    room.code = undefined;
    (await open("org/model")).close();
  });

  test("a cache whose place is taken by a file is named", async () => {
    writeFileSync(at.cache, "");
    await expect(open("org/model")).rejects.toThrow(failing("cache-not-writable", /hub.*HF_HUB_CACHE/));
  });

  test.skipIf(!process.seteuid)("a read-only cache still loads what it has (skipped on Windows)", async () => {
    at.hub.repos["org/new"] = { revisions: { main: files } };
    (await open("org/model")).close();
    chmodSync(at.cache, 0o500);
    await asNobody(async () => {
      (await open("org/model")).close();
      await expect(open("org/new")).rejects.toThrow(failing("cache-not-writable", /not allowed/));
      await expect(open("org/model", { refresh: true })).resolves.toMatchObject({ id: "org/model" });
    });
    chmodSync(at.cache, 0o700);
  });
});

/** Nothing is read-only for root: the test then runs as another user. */
async function asNobody(work: () => Promise<void>): Promise<void> {
  if (process.getuid?.() !== 0) return work();
  for (const path of [at.home, ...below(at.home).map((file) => join(at.home, file)), at.cache])
    lchownSync(path, 65534, 65534);
  process.seteuid?.(65534);
  try {
    await work();
  } finally {
    process.seteuid?.(0);
  }
}

test("names in a listing never lead out of the cache", async () => {
  at.hub.repos["org/x"] = { revisions: { main: { "config.json": config, "x\\..\\..\\evil.safetensors": model } } };
  await expect(open("org/x")).rejects.toThrow(failing("unsafe-path", /not inside it/));
  mkdirSync(at.cache, { recursive: true });
  expect(below(at.home).filter((path) => path.includes("evil"))).toEqual([]);
});
