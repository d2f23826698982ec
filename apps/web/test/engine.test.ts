/** @vitrail/jit in a browser: the same calls, on onnxruntime-web, with the same results. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { build, type PreviewServer, preview } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumArgs, chromiumPath } from "./chromium.ts";
import { type Proof, prove } from "./engine/prove.ts";

const executablePath = chromiumPath();
const root = fileURLToPath(new URL("./engine/", import.meta.url));
const isolated = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

describe.skipIf(!executablePath)("@vitrail/jit in headless Chromium (skipped where no Chromium is installed)", () => {
  let folder: string;
  let browser: Browser;
  let expected: Proof;
  const servers: PreviewServer[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "vitrail-engine-"));
    await build({
      root,
      base: "./",
      logLevel: "error",
      worker: { format: "es" },
      build: { target: "es2022", outDir: folder, emptyOutDir: true },
      resolve: { conditions: ["@vitrail/source", "browser", "module", "import", "default"] },
    });
    browser = await chromium.launch({ executablePath: executablePath as string, args: chromiumArgs });
    expected = await prove("ort");
  });

  afterAll(async () => {
    await browser?.close();
    for (const server of servers) await new Promise<void>((done) => server.httpServer.close(() => done()));
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  async function open(headers: Record<string, string>): Promise<Page> {
    const shared = { root, logLevel: "error", build: { outDir: folder } } as const;
    const server = await preview({ ...shared, preview: { port: 0, host: "127.0.0.1", headers } });
    servers.push(server);
    const page = await browser.newPage();
    await page.goto(server.resolvedUrls?.local[0] as string);
    await page.waitForFunction("'prove' in globalThis");
    return page;
  }

  test.each([
    ["one thread", {}],
    ["threads, where the page is isolated", isolated],
  ])("forward passes and training steps give what they give in Node: %s", async (_, headers) => {
    const page = await open(headers);
    const found = (await page.evaluate("prove('auto')")) as Proof;
    expect(found.report).toMatchObject({ engine: "ort-web", provider: "cpu" });
    expect(found.afterwards).toBe("disposed");
    for (const key of ["logits", "losses"] as const) {
      expect(found[key]).toHaveLength(expected[key].length);
      const scale = Math.max(...expected[key].map(Math.abs));
      found[key].forEach((value, i) => {
        expect(Math.abs(value - (expected[key][i] as number)) / scale).toBeLessThan(1e-4);
      });
    }
    expect(found.losses.at(-1)).toBeLessThan(found.losses[0] as number);
    await page.close();
  });
});
