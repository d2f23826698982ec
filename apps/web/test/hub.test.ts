/** @vitrail/hub in a browser: weights by name, by fetch, kept in Cache Storage. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type StubHub, startStubHub } from "@repo/testing";
import { build } from "esbuild";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumArgs, chromiumPath } from "./chromium.ts";

const executablePath = chromiumPath();
const header = Buffer.from(JSON.stringify({ w: { dtype: "F32", shape: [3], data_offsets: [0, 12] } }));
const length = Buffer.alloc(8);
length.writeBigUInt64LE(BigInt(header.length));
const model = Buffer.concat([length, header, Buffer.from(Float32Array.of(1, 2, 3).buffer)]);
const files = {
  "config.json": JSON.stringify({ architecture: "resnet18", num_classes: 3 }),
  "model.safetensors": model,
};

describe.skipIf(!executablePath)("@vitrail/hub in headless Chromium (skipped where no Chromium is installed)", () => {
  let hub: StubHub;
  let server: Server;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    hub = await startStubHub({ "org/model": { revisions: { main: files } } });
    const { outputFiles } = await build({
      stdin: { contents: `export { openWeights } from "@vitrail/hub"`, resolveDir: import.meta.dirname },
      bundle: true,
      write: false,
      platform: "browser",
      format: "iife",
      globalName: "hub",
      conditions: ["@vitrail/source", "browser"],
    });
    server = createServer((request, response) => {
      const script = request.url === "/hub.js";
      response.setHeader("content-type", script ? "text/javascript" : "text/html");
      response.end(script ? outputFiles[0]?.text : '<!doctype html><script src="hub.js"></script>');
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    browser = await chromium.launch({ executablePath: executablePath as string, args: chromiumArgs });
    page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
    await hub?.close();
  });

  const open = (source: string, more = "") =>
    page.evaluate(
      `hub.openWeights(${JSON.stringify(source)}, { endpoint: ${JSON.stringify(hub.endpoint)}, retries: 0, ${more} })
        .then((w) => [w.config?.architecture, ...w.tensors.get("w").float32()], (error) => [error.code, error.message])`,
    ) as Promise<unknown[]>;

  test("a page in place of the files is refused and not kept; the files are fetched across hosts, then kept", async () => {
    hub.fault = () => ({ page: "<!doctype html>Log in" });
    expect((await open("org/model"))[0]).toBe("web-page");
    hub.fault = undefined;
    expect(await open("org/model")).toEqual(["resnet18", 1, 2, 3]);
    expect(hub.requests.some(({ at }) => at === "cdn")).toBe(true);
    await page.reload();
    hub.requests.length = 0;
    expect(await open("org/model")).toEqual(["resnet18", 1, 2, 3]);
    expect(await open("org/model@main", "offline: true")).toEqual(["resnet18", 1, 2, 3]);
    expect(hub.requests).toEqual([]);
    expect(await open("org/absent")).toEqual(["repo-not-found", expect.stringContaining("there is no org/absent")]);
    const changed = () => ({ body: (bytes: Uint8Array) => bytes.map((byte) => byte ^ 1) });
    hub.fault = ({ at }) => (at === "cdn" ? changed() : undefined);
    hub.repos["org/other"] = { revisions: { main: files } };
    expect((await open("org/other"))[0]).toBe("wrong-hash");
  });
});
