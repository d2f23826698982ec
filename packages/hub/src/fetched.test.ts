import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { encodeSafetensors } from "@vitrail/checkpoint";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openWeights } from "./browser.ts";

const bytes = encodeSafetensors([["w", { shape: [2], float32: () => Float32Array.of(1, 2) }]]);
const config = JSON.stringify({ architecture: "resnet18", num_classes: 2 });
const page = "<!DOCTYPE html><html><title>My app</title></html>";
const json = "application/json";
const answers: Record<string, [status: number, type: string, body: string | Uint8Array]> = {
  "/w/config.json": [200, json, config],
  "/w/model.safetensors": [200, "application/octet-stream", bytes],
  "/only/model.safetensors": [200, "", bytes],
  "/sharded/model.safetensors.index.json": [200, json, JSON.stringify({ weight_map: { w: "a b%23.safetensors" } })],
  "/sharded/a%20b%2523.safetensors": [200, "", bytes],
  "/half/model.safetensors.index.json": [200, json, JSON.stringify({ weight_map: { w: "gone.safetensors" } })],
  "/escape/model.safetensors.index.json": [200, json, JSON.stringify({ weight_map: { w: "../w/model.safetensors" } })],
  "/lie/config.json": [200, json, page],
  "/lie2/model.safetensors": [200, "application/octet-stream", `\n${page}`],
  "/lfs/model.safetensors": [200, "text/plain", "version https://git-lfs.github.com/spec/v1\nsize 5\n"],
  "/down/config.json": [503, "text/html", page],
};

let server: Server;
let base = "";
const asked: string[] = [];
beforeAll(async () => {
  server = createServer((request, response) => {
    const path = request.url as string;
    asked.push(path);
    // As a development server does: its index page for whatever it does not have.
    const spa: (typeof answers)[string] = [200, "text/html; charset=utf-8", page];
    const [status, type, body] = answers[path] ?? (path.startsWith("/spa/") ? spa : [404, "text/html", page]);
    response.writeHead(status, { ...(type && { "content-type": type }), "content-length": Buffer.byteLength(body) });
    response.end(body);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());
const failing = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

test("a base URL gives config and checkpoint, with or without a slash at its end", async () => {
  for (const url of [`${base}/w`, `${base}/w/`, new URL(`${base}/w/`)]) {
    const weights = await openWeights(url);
    expect(weights).toMatchObject({
      id: String(url),
      config: { architecture: "resnet18" },
      files: [`${base}/w/model.safetensors`],
    });
    expect([...(weights.tensors.get("w")?.float32() ?? [])]).toEqual([1, 2]);
  }
});

test("a config that is not there is no error, and a file's URL asks for none", async () => {
  expect((await openWeights(`${base}/only`)).config).toBeUndefined();
  asked.length = 0;
  expect((await openWeights(`${base}/w/model.safetensors`)).config).toBeUndefined();
  expect(asked).toEqual(["/w/model.safetensors"]);
});

test("a sharded checkpoint is fetched by its index, names escaped", async () => {
  const weights = await openWeights(`${base}/sharded/`);
  expect([...weights.tensors.keys()]).toEqual(["w"]);
  await expect(openWeights(`${base}/half/`)).rejects.toThrow(failing("missing-shard", /gone\.safetensors/));
  await expect(openWeights(`${base}/escape/`)).rejects.toThrow(failing("bad-index", /inside its folder/));
});

test("a web page in place of a file is refused, by its type or by its first bytes, naming the URL", async () => {
  await expect(openWeights(`${base}/spa/weights/`)).rejects.toThrow(failing("web-page", /spa\/weights\/config\.json/));
  await expect(openWeights(`${base}/spa/x.safetensors`)).rejects.toThrow(failing("web-page", /spa\/x\.safetensors/));
  await expect(openWeights(`${base}/lie/`)).rejects.toThrow(failing("web-page", /lie\/config\.json/));
  await expect(openWeights(`${base}/lie2/`)).rejects.toThrow(failing("web-page", /lie2\/model\.safetensors/));
});

test("a bad checkpoint is named by its URL", async () => {
  await expect(openWeights(`${base}/lfs/`)).rejects.toThrow(failing("lfs-pointer", /^http.*lfs\/model\.safetensors: /));
});

test("nothing there, a server in trouble and a dead address are told apart", async () => {
  await expect(openWeights(`${base}/gone/`)).rejects.toThrow(failing("not-found", /gone\//));
  await expect(openWeights(`${base}/gone.safetensors`)).rejects.toThrow(failing("not-found", /gone\.safetensors/));
  await expect(openWeights(`${base}/down/`, { retryDelay: 1 })).rejects.toThrow(failing("server-error", /503/));
  await expect(openWeights("http://127.0.0.1:1/x/")).rejects.toThrow(failing("unreachable", /127\.0\.0\.1:1.*CORS/));
  await expect(openWeights("weights/")).rejects.toThrow(failing("unsupported-source", /no URL/)); // no page to be relative to
});

test("the parts can be given one by one, as URLs or in memory", async () => {
  const weights = await openWeights({
    model: `${base}/w/model.safetensors`,
    config: `${base}/w/config.json`,
    id: "mine",
  });
  expect(weights).toMatchObject({ id: "mine", config: { numClasses: 2 } });
  expect(await openWeights({ model: bytes, config: JSON.parse(config) })).toMatchObject({
    config: { numClasses: 2 },
    files: [],
  });
  await expect(openWeights({ model: bytes, config: `${base}/gone.json` })).rejects.toThrow(
    failing("not-found", /gone\.json/),
  );
});

test("progress is told for the checkpoint, and an aborted signal stops it", async () => {
  const seen: { loaded: number; total: number | undefined }[] = [];
  await openWeights(`${base}/w/`, { onProgress: (p) => seen.push(p) });
  expect(seen.at(-1)).toMatchObject({ loaded: bytes.length, total: bytes.length });
  await expect(openWeights(`${base}/w/`, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
});

test("the browser entry brings no module of Node", async () => {
  const result = await build({
    entryPoints: [fileURLToPath(new URL("browser.ts", import.meta.url))],
    bundle: true,
    write: false,
    metafile: true,
    platform: "browser",
    format: "esm",
    conditions: ["@vitrail/source"],
    logLevel: "silent",
  });
  expect(Object.keys(result.metafile.inputs).length).toBeGreaterThan(5);
  expect(result.outputFiles[0]?.text).not.toMatch(/\bfrom\s*"(node:|fs|path)|\brequire\(/);
});
