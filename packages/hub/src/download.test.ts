import { fork } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { type Fault, sha256 } from "@repo/testing";
import { build } from "esbuild";
import { expect, test, vi } from "vitest";
import { openWeights } from "./index.ts";
import { below, failing, files, first, isBody, model, quick, stubbed } from "./testing/stubbed.ts";

const at = stubbed();
const open = (source = "org/model", options = {}) => openWeights(source, { ...quick, ...options });
const blob = () => join(at.cache, "models--org--model/blobs", sha256(model));
const incomplete = () => `${blob()}.vitrail.incomplete`;
const bodies = () => at.hub.requests.filter(isBody);

/** Nothing has a final name that is not whole and right. */
function expectNothingHalf(): void {
  if (existsSync(blob())) expect(sha256(readFileSync(blob()))).toBe(sha256(model));
}

test("a connection that is cut is taken up again where it ended", async () => {
  at.hub.fault = first(2, { cutAfter: 70_000 }, isBody);
  (await open()).close();
  const ranges = bodies().map(({ headers }) => headers.range);
  expect(ranges).toHaveLength(3);
  expect(ranges[0]).toBeUndefined();
  expect(ranges[1]).toMatch(/^bytes=\d+-$/);
  expectNothingHalf();
});

test("a connection that stalls counts as lost", async () => {
  at.hub.fault = first(1, { stallAfter: 70_000 }, isBody);
  (await open()).close();
  expect(bodies()[1]?.headers.range).toBe("bytes=70000-");
});

test("what one load left, the next one goes on with", async () => {
  at.hub.fault = first(1, { cutAfter: 70_000 }, isBody);
  await expect(open("org/model", { retries: 0 })).rejects.toThrow(
    failing("fetch-failed", /model\.safetensors was cut off after \d+ of 200\d+ bytes/),
  );
  expect(statSync(incomplete()).size).toBeGreaterThan(0);
  expect(existsSync(blob())).toBe(false);
  const loaded: number[] = [];
  (await open("org/model", { onProgress: (p: { loaded: number }) => loaded.push(p.loaded) })).close();
  expect(bodies()[1]?.headers.range).toMatch(/^bytes=\d+-$/);
  expect(loaded.at(-1)).toBe(model.length);
  expect(existsSync(incomplete())).toBe(false);
});

test("what an earlier process left is not believed: other bytes are thrown away and fetched anew", async () => {
  mkdirSync(join(blob(), ".."), { recursive: true });
  writeFileSync(incomplete(), "something else entirely");
  (await open()).close();
  expect(bodies().map(({ headers }) => headers.range)).toEqual(["bytes=23-", undefined]);
  writeFileSync(incomplete(), Buffer.alloc(model.length + 5));
});

test.each<[string, Fault]>([
  ["knows no ranges", { change: { "accept-ranges": undefined }, headers: {}, body: (b) => b }],
  ["refuses the range", { status: 416 }],
  ["sends another part than asked", { headers: { "content-range": "bytes 5-9/200099" } }],
])("a server that %s gets a whole request", async (_, fault) => {
  mkdirSync(join(blob(), ".."), { recursive: true });
  writeFileSync(incomplete(), model.subarray(0, 1000));
  at.hub.fault = first(1, fault, (request) => isBody(request) && request.headers.range !== undefined);
  (await open()).close();
  expectNothingHalf();
});

test.each([429, 500, 502, 503, 504])("%s is asked again, and then an error", async (status) => {
  at.hub.fault = first(2, { status, headers: { "retry-after": "0" } });
  (await open()).close();
  at.hub.fault = () => ({ status });
  at.hub.requests.length = 0;
  const code = status === 429 ? "rate-limited" : "server-error";
  await expect(open("org/other", { retries: 2 })).rejects.toThrow(failing(code, new RegExp(String(status))));
  expect(at.hub.requests).toHaveLength(3);
});

test("how long the server wants to be left alone is kept to, and said where it is long", async () => {
  at.hub.fault = first(1, { status: 429, headers: { "retry-after": "1" } });
  const begun = Date.now();
  (await open()).close();
  expect(Date.now() - begun).toBeGreaterThan(990);
  at.hub.fault = () => ({ status: 429, headers: { "retry-after": "3600" } });
  await expect(open("org/other")).rejects.toThrow(failing("rate-limited", /in 3600 s/));
});

test.each<[string, Fault, string, RegExp]>([
  ["other bytes", { body: (bytes) => bytes.map((byte) => byte ^ 1) }, "wrong-hash", /other bytes/],
  [
    "more bytes than announced",
    { body: (bytes) => Buffer.concat([bytes, bytes]) },
    "wrong-size",
    /longer than the 200\d+ bytes/,
  ],
  ["fewer bytes than announced", { body: (bytes) => bytes.subarray(0, 99) }, "fetch-failed", /cut off after 198 of/],
  ["a page", { page: "<!doctype html><title>Log in" }, "web-page", /localhost.*web page/],
  ["a page that calls itself a file", { body: () => Buffer.from("\n<html>") }, "web-page", /web page/],
])("%s: an error, nothing under a final name, and the next load works", async (_, fault, code, message) => {
  at.hub.fault = (request) => (isBody(request) ? fault : undefined);
  await expect(open("org/model", { retries: 1 })).rejects.toThrow(failing(code, message));
  expect(existsSync(blob())).toBe(false);
  await expect(open("org/model", { offline: true })).rejects.toThrow(failing("offline", /./));
  at.hub.fault = undefined;
  (await open()).close();
});

test("loads of one process that overlap fetch a file once", async () => {
  const all = await Promise.all(Array.from({ length: 5 }, () => open()));
  for (const weights of all) weights.close();
  expect(bodies()).toHaveLength(1);
});

test("several processes fetch a file once, also when the one that began dies", async () => {
  const script = join(at.home, "load.mjs");
  await build({
    stdin: {
      contents: `import { openWeights } from ${JSON.stringify(new URL("index.ts", import.meta.url).pathname)};
        const weights = await openWeights("org/model", { stallTimeout: 5000, retryDelay: 1 });
        process.send(weights.tensors.size);`,
      resolveDir: import.meta.dirname,
      loader: "ts",
    },
    outfile: script,
    bundle: true,
    platform: "node",
    format: "esm",
    conditions: ["@vitrail/source"],
    external: ["@huggingface/hub"],
    banner: {
      js: `import { createRequire as requireFrom } from "node:module"; const require = requireFrom(${JSON.stringify(import.meta.url)});`,
    },
  });
  const start = () => fork(script, { env: { ...process.env }, stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const answer = (child: ReturnType<typeof start>) => new Promise((done) => child.once("message", done));
  at.hub.fault = first(1, { stallAfter: 70_000 }, isBody);
  const dying = start();
  await vi.waitUntil(() => existsSync(incomplete()) && statSync(incomplete()).size === 70_000, { timeout: 20_000 });
  const others = [start(), start()];
  setTimeout(() => dying.kill("SIGKILL"), 500);
  expect(await Promise.all(others.map(answer))).toEqual([1, 1]);
  expect(bodies().map(({ headers }) => headers.range)).toEqual([undefined, "bytes=70000-"]);
  expect(below(join(at.cache, ".locks"))).toEqual([]);
  for (const child of others) child.kill();
});

test("a lock that a dead process left is taken over, also one of another machine that was silent for long", async () => {
  const lock = join(at.cache, ".locks/models--org--model", `${sha256(model)}.vitrail.lock`);
  mkdirSync(join(lock, ".."), { recursive: true });
  writeFileSync(lock, JSON.stringify({ pid: 2 ** 30, host: hostname(), key: "x" })); // touched a moment ago: waited for
  const begun = Date.now();
  (await open()).close();
  expect(Date.now() - begun).toBeLessThan(5000);
  at.hub.repos["org/model"] = { revisions: { main: { ...files, "model.safetensors": model.slice(0, -4) } } };
  const other = lock.replace(sha256(model), sha256(model.slice(0, -4)));
  writeFileSync(other, JSON.stringify({ pid: process.pid, host: "elsewhere", key: "x" }));
  utimesSync(other, new Date(0), new Date(Date.now() - 120_000));
  const { downloadWeights } = await import("./index.ts");
  await downloadWeights("org/model", quick);
});

test("the token goes to the hub's own host only, and is in no error", async () => {
  vi.stubEnv("HF_TOKEN", " hf_secret\n");
  at.hub.repos["org/private"] = { revisions: { main: files }, access: { kind: "private", token: "hf_secret" } };
  (await open("org/private")).close();
  const sent = at.hub.requests.map(({ at: host, headers }) => [host, headers.authorization]);
  expect(sent).toContainEqual(["hub", "Bearer hf_secret"]);
  expect(sent).toContainEqual(["cdn", undefined]);
  expect(sent.filter(([host, token]) => host === "cdn" && token)).toEqual([]);
  for (const fault of [
    { status: 403 },
    { status: 401 },
    { status: 500 },
    { reset: true },
    { page: "<html>" },
    { status: 401, code: "GatedRepo" },
  ]) {
    at.hub.fault = () => fault;
    const error = await open("org/x", { retries: 0 }).catch((e: Error) => e);
    for (let part: unknown = error; part instanceof Error; part = part.cause) {
      expect(`${part.message} ${part.stack} ${JSON.stringify(part)}`).not.toContain("hf_secret");
    }
  }
  vi.stubEnv("HF_TOKEN", "hf_sécret");
  const error = await open("org/y").catch((e: Error) => e);
  expect(error).toMatchObject({ code: "bad-option", message: expect.not.stringContaining("hf_s") });
});

test("the token file counts where HF_TOKEN is not set", async () => {
  writeFileSync(join(at.home, "token"), "hf_file\n");
  at.hub.repos["org/private"] = { revisions: { main: files }, access: { kind: "private", token: "hf_file" } };
  (await open("org/private")).close();
  await expect(open("org/private", { token: false, refresh: true })).rejects.toThrow(
    failing("repo-not-found", /set HF_TOKEN/),
  );
});
