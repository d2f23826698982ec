import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClassifier } from "@vitrail/classify";
import { resnet20_cifar } from "@vitrail/resnet";
import { type Browser, chromium, type Page } from "playwright-core";
import { build, type PreviewServer, preview } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumArgs, chromiumPath } from "./chromium.ts";

const executablePath = chromiumPath();
const root = fileURLToPath(new URL("..", import.meta.url));
const photos = fileURLToPath(new URL("../../cli/photos/", import.meta.url));
const weights = fileURLToPath(new URL("../../../packages/weights-cifar10/", import.meta.url));

describe.skipIf(!executablePath)("the page, in headless Chromium (skipped where no Chromium is installed)", () => {
  let folder: string;
  let server: PreviewServer;
  let browser: Browser;
  let page: Page;
  let address: string;
  const foreign: string[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "vitrail-web-"));
    const shared = { root, logLevel: "error", build: { outDir: folder, emptyOutDir: true } } as const;
    await build({ ...shared, resolve: { conditions: ["@vitrail/source", "browser", "module", "import", "default"] } });
    server = await preview({ ...shared, preview: { port: 0, host: "127.0.0.1" } });
    address = server.resolvedUrls?.local[0] as string;
    browser = await chromium.launch({
      executablePath: executablePath as string,
      args: chromiumArgs,
    });
    page = await browser.newPage({ viewport: { width: 390, height: 844 } }); // a phone
    page.on("request", (request) => {
      if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(address)) foreign.push(request.url());
    });
    await page.goto(address);
    await page.waitForSelector("body[data-backend]", { timeout: 60_000 });
  });

  afterAll(async () => {
    await browser?.close();
    await new Promise<void>((done) => (server ? server.httpServer.close(() => done()) : done()));
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  async function look(path: string): Promise<Record<string, number>> {
    await page.setInputFiles("#file", path);
    await page.waitForSelector("#answer:not([hidden]) #bars li", { timeout: 60_000 });
    const rows = await page.$$eval("#bars li", (items) =>
      items.map((item) => [(item as HTMLElement).dataset.label, Number((item as HTMLElement).dataset.probability)]),
    );
    return Object.fromEntries(rows);
  }

  test("a photo's labels are those of the same photo in Node", async () => {
    const classifier = await createClassifier({ model: resnet20_cifar, weights });
    try {
      for (const photo of ["chelsea.png", "rocket.jpg"]) {
        const there = await look(photos + photo);
        const here = await classifier.classify(photos + photo, { top: 5 });
        expect(Object.keys(there)[0]).toBe(here[0]?.label);
        // PNG decodes to the same bytes everywhere; browsers may round a JPEG's colours otherwise.
        for (const { label, probability } of here) {
          expect(Math.abs((there[label] as number) - probability)).toBeLessThan(photo.endsWith(".png") ? 1e-3 : 0.1);
        }
      }
    } finally {
      classifier.dispose();
    }
  });

  test("the model is traced and runs on ONNX Runtime", async () => {
    expect(await page.getAttribute("body", "data-backend")).toBe("ONNX Runtime");
  });

  test("nothing leaves the page", () => {
    expect(foreign).toEqual([]);
  });

  test("a file that is no image gets one clear line, and the page goes on", async () => {
    const bad = join(folder, "notes.png");
    await writeFile(bad, "these are notes");
    await page.setInputFiles("#file", bad);
    await page.waitForSelector("#status.bad");
    expect(await page.textContent("#status")).toMatch(/notes\.png/);
    expect((await look(`${photos}chelsea.png`)).cat).toBeGreaterThan(0.5);
  });

  test("the keyboard reaches the photo button and a screen reader hears the answer", async () => {
    await page.reload();
    await page.waitForSelector("body[data-backend]", { timeout: 60_000 });
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("file");
    await look(`${photos}chelsea.png`);
    expect(await page.getAttribute("#status", "role")).toBe("status");
    expect(await page.textContent("#status")).toMatch(/cat/);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT, fullPage: true });
  });
});
