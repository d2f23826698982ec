import { existsSync, readFileSync, statSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { createClassifier } from "@vitrail/classify";
import { modelsInPackage } from "@vitrail/hub";
import { cifarBackbone, resnet20_cifar, resnetModels } from "@vitrail/resnet";
import { vit_mini_r20_s4_32, vit_tiny_patch16_224, vitModels } from "@vitrail/vit";
import { type Browser, chromium, type Page } from "playwright-core";
import { build, type PreviewServer, preview } from "vite";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import manifest from "../package.json" with { type: "json" };
import { chromiumArgs, chromiumPath } from "./chromium.ts";
import { runFolder } from "./run-folder.ts";

const executablePath = chromiumPath();
const root = fileURLToPath(new URL("..", import.meta.url));
const photos = fileURLToPath(new URL("../../cli/photos/", import.meta.url));
const weights = fileURLToPath(new URL("../../../packages/weights-cifar10/", import.meta.url));
const hybrid = vit_mini_r20_s4_32(cifarBackbone(resnet20_cifar));

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

  describe("a model of the user's own", () => {
    const tiny = { size: 32, blocks: 1, width: 4 };
    let runs: string;
    let shapes: string;

    beforeAll(async () => {
      // Under what is served, so that the page's own server has them too.
      runs = join(folder, "runs");
      shapes = await runFolder(join(runs, "shapes"), resnet20_cifar, ["circle", "square", "triangle"], tiny);
      await page.goto(address);
      await box();
    });

    const parts = (run: string) => [join(run, "config.json"), join(run, "model.safetensors")];
    const box = () => page.waitForSelector('body[data-model="resnet20_cifar"][data-backend]', { timeout: 60_000 });
    /** What the page says, once it says something else than that it is at work. */
    async function said(id: string): Promise<string> {
      const text = await page.waitForFunction(
        (name) =>
          /^(?!Loading)./.test(document.getElementById(name)?.textContent ?? "") &&
          document.getElementById(name)?.textContent,
        id,
        { timeout: 60_000 },
      );
      return String(await text.jsonValue());
    }
    /** Waits until the page says of its model what begins so. */
    const describes = (start: string, where = page) =>
      where.waitForFunction((text) => document.getElementById("about")?.textContent?.startsWith(text), start, {
        timeout: 60_000,
      });
    /** As from a file manager: a folder can be given no other way. */
    async function drop(...files: string[]): Promise<void> {
      const session = await page.context().newCDPSession(page);
      for (const type of ["dragEnter", "dragOver", "drop"] as const) {
        const data = { items: [], files, dragOperationsMask: 1 };
        await session.send("Input.dispatchDragEvent", { type, x: 200, y: 200, data });
      }
      await session.detach();
    }
    async function same(there: Record<string, number>, run: string, photo: string, bound = 1e-3): Promise<void> {
      const models = { resnet20_cifar, ...vitModels };
      const classifier = await createClassifier({ models, weights: run });
      try {
        const here = await classifier.classify(photo, { top: 5 });
        expect(Object.keys(there)).toEqual(here.map(({ label }) => label));
        for (const { label, probability } of here) {
          expect(Math.abs((there[label] as number) - probability)).toBeLessThan(bound);
        }
      } finally {
        await classifier.dispose();
      }
    }

    test("is chosen by its two files, answers with its labels, and gives way to the model in the box", async () => {
      const before = foreign.length;
      expect(await page.isVisible("#box")).toBe(false);
      await look(`${photos}chelsea.png`);
      await page.setInputFiles("#own", parts(shapes));
      expect(await said("model-status")).toBe("Your model answers now.");
      // The photo that is there is shown to the new model at once.
      await page.waitForSelector('#bars li[data-label="circle"]');
      expect(await page.textContent("#about")).toBe(
        "Your own model, a resnet20_cifar from your files, knows 3 things: circle, square, triangle. It runs on ONNX Runtime.",
      );
      await same(await look(`${photos}chelsea.png`), shapes, `${photos}chelsea.png`);
      await page.click("#box");
      await page.waitForSelector('#bars li[data-label="cat"]');
      expect(await page.textContent("#about")).toMatch(
        /^The model in the box, a wide ResNet-20, knows 10 things: airplane/,
      );
      expect(await page.isVisible("#box")).toBe(false);
      // The way back is there before the model is; the photo that waits for it is not lost.
      await page.setInputFiles("#own", parts(shapes));
      await page.setInputFiles("#file", `${photos}rocket.jpg`);
      await page.click("#box");
      await page.waitForSelector('#answer:not([hidden]) #bars li[data-label="airplane"]');
      expect(await page.textContent("#about")).toMatch(/^The model in the box/);
      expect(foreign.length).toBe(before);
    });

    test("is dropped as a folder, or as files beside a photo's place", async () => {
      await drop(shapes);
      await describes("Your own model, a resnet20_cifar from shapes, knows 3 things: circle");
      await page.click("#box");
      await describes("The model in the box");
      await drop(...parts(shapes));
      await describes("Your own model, a resnet20_cifar from your files");
      await drop(`${photos}chelsea.png`);
      await page.waitForSelector('#preview[alt="chelsea.png"]');
      await same(await look(`${photos}rocket.jpg`), shapes, `${photos}rocket.jpg`, 0.1);
    });

    test("what is no model gets one line that says why, and the model that runs goes on", async () => {
      const bad = join(runs, "bad");
      const write = async (config: unknown, model: Uint8Array | string) => {
        await mkdir(bad, { recursive: true });
        await writeFile(join(bad, "config.json"), typeof config === "string" ? config : JSON.stringify(config));
        await writeFile(join(bad, "model.safetensors"), model);
      };
      const config = JSON.parse(await readFile(join(shapes, "config.json"), "utf8"));
      const model = await readFile(join(shapes, "model.safetensors"));
      const error = async (given: () => Promise<void>) => {
        await page.evaluate("document.getElementById('model-status').textContent = ''");
        await given();
        const text = await said("model-status");
        expect(await page.getAttribute("#model-status", "class")).toBe("bad");
        expect(text).not.toContain("files.invalid");
        return text;
      };
      const choose = (...paths: string[]) => error(() => page.setInputFiles("#own", paths));
      const folder = () => error(() => drop(bad));

      expect(await choose(join(shapes, "config.json"))).toBe(
        "There is no model.safetensors among the files: a model is config.json and model.safetensors together, choose them at once",
      );
      expect(await choose(`${photos}chelsea.png`)).toMatch(/^There is no config\.json and no model\.safetensors among/);
      expect(await error(() => drop(runs))).toMatch(/^runs holds no config\.json and no model\.safetensors:/);
      await write("{ architecture", model);
      expect(await folder()).toMatch(/^config\.json is no JSON, it begins "{ architecture"/);
      await write({ ...config, architecture: "resnet19" }, model);
      expect(await folder()).toMatch(
        /^config\.json of bad names the architecture "resnet19", .*did you mean resnet18.*Known are .*vit_tiny_patch16_224/,
      );
      await write({ ...config, architecture: "constructor" }, model);
      expect(await folder()).toMatch(/"constructor".*Known are resnet18/);
      await write({ ...config, label_names: ["circle"] }, model);
      expect(await folder()).toMatch(/^config\.json: "label_names" is "1 names", expected as many as num_classes, 3$/);
      await write({ ...config, model_args: { blocks: 1, width: 8 } }, model);
      expect(await folder()).toMatch(
        /^the checkpoint does not fit the model \(\d+ problems\).*: parameter \S+: expected shape \[8.*\], found \[4.*\], and \d+ more$/,
      );
      await write({ ...config, model_args: { sides: 3 } }, model);
      expect(await folder()).toMatch(/^resnet20_cifar: model_args: sides: expected one of blocks, width/);
      await write(config, "<!doctype html><title>Log in</title>");
      expect(await folder()).toMatch(/^model\.safetensors .*page/);
      await write(config, model.subarray(0, model.length - 9));
      expect(await folder()).toMatch(/model\.safetensors/);
      await write(config, "");
      expect(await folder()).toMatch(/^model\.safetensors: the file is empty/);
      await rm(join(bad, "model.safetensors"));
      await copyFile(join(shapes, "model.safetensors"), join(bad, "best.pth"));
      expect(await folder()).toMatch(/^best\.pth is no safetensors file: "vitrail convert best\.pth --model NAME/);
      await same(await look(`${photos}chelsea.png`), shapes, `${photos}chelsea.png`);
      await page.click("#box");
      await page.waitForSelector('#bars li[data-label="cat"]');
    });

    test("is opened from the address of its folder, here or where the server allows it", async () => {
      const labels = ["left", "right"];
      const wanted = { size: 24, img_size: 24, patch_size: 8, embed_dim: 32, depth: 2, num_heads: 2 };
      const vit = await runFolder(join(runs, "vit"), vit_tiny_patch16_224, labels, wanted);
      await page.goto(`${address}?weights=runs/vit`);
      await page.waitForSelector('body[data-model="vit_tiny_patch16_224"]', { timeout: 60_000 });
      expect(await page.textContent("#about")).toBe(
        `The model from ${address}runs/vit, a vit_tiny_patch16_224, knows 2 things: left, right. It runs on ONNX Runtime.`,
      );
      await same(await look(`${photos}chelsea.png`), vit, `${photos}chelsea.png`);

      const refused = async () => {
        await page.waitForSelector("#status.bad");
        return page.textContent("#status");
      };
      await mkdir(join(runs, "bare"));
      await copyFile(join(vit, "model.safetensors"), join(runs, "bare", "model.safetensors"));
      const allowed = { "access-control-allow-origin": "*" };
      const elsewhere = createServer(async ({ url = "" }, response) => {
        const found = await readFile(join(runs, url.replace(/^\/\w+/, ""))).catch(() => undefined);
        response.writeHead(found ? 200 : 404, url.startsWith("/open/") ? allowed : {}).end(found);
      });
      await new Promise<void>((done) => elsewhere.listen(0, "127.0.0.1", done));
      const there = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
      try {
        await page.goto(`${address}?weights=${encodeURIComponent(`${there}/open/shapes/`)}`);
        await describes(`The model from ${there}/open/shapes/, a resnet20_cifar, knows 3 things`);
        await page.goto(`${address}?weights=${there}/closed/shapes`);
        expect(await refused()).toMatch(/^The model could not be loaded: .*cannot be fetched.*CORS/);
        await page.goto(`${address}?weights=${there}/open/bare`);
        expect(await refused()).toMatch(/bare has no config\.json that names its architecture, and a page cannot tell/);
      } finally {
        await new Promise((done) => elsewhere.close(done));
      }

      // Nothing runs: a photo is not lost, and the model in the box takes it.
      await page.setInputFiles("#file", `${photos}chelsea.png`);
      expect(await page.textContent("#status")).toMatch(/^There is no model/);
      await page.click("#box");
      await page.waitForSelector('#bars li[data-label="cat"]', { timeout: 60_000 });
      expect(page.url()).toBe(address);

      await page.goto(`${address}?weights=./runs/nowhere/`);
      expect(await refused()).toContain("runs/nowhere/");
      await page.goto(`${address}?weights=javascript:alert(1)`);
      expect(await refused()).toMatch(/\?weights= is "javascript:alert\(1\)", expected the address of its folder/);
    });

    test("a first visit loads the code of one model; that of the others comes when one is asked for", async () => {
      const scripts: string[] = [];
      const fresh = await browser.newPage();
      fresh.on("response", async (response) => {
        if (response.url().endsWith(".js")) scripts.push(await response.text());
      });
      const others = () => scripts.some((text) => text.includes("deit_base_patch16_384") || text.includes("a1h_in1k"));
      await fresh.goto(address);
      await fresh.waitForSelector("body[data-backend]", { timeout: 60_000 });
      expect(scripts.length).toBeGreaterThan(2);
      expect(others()).toBe(false);
      await fresh.setInputFiles("#own", parts(shapes));
      await describes("Your own model", fresh);
      expect(others()).toBe(true);
      await fresh.close();
    });
  });

  describe("the models in the box", () => {
    const shipped = Object.keys(manifest.dependencies).filter((name) => name.startsWith("@vitrail/weights-"));
    const box = shipped.flatMap((name) => modelsInPackage(name, import.meta.url));
    const ids = box.map(({ id }) => id);
    const first = ids[0] as string;
    let shapes: string;

    beforeAll(async () => {
      const labels = ["circle", "square", "triangle"];
      shapes = await runFolder(join(folder, "shapes"), resnet20_cifar, labels, { size: 32, blocks: 1, width: 4 });
    });
    beforeEach(async () => {
      await page.goto(address);
      await page.waitForSelector("body[data-backend]", { timeout: 60_000 });
    });

    const rows = () =>
      page.$$eval("#model option", (options) => options.map((one) => (one as HTMLOptionElement).value));
    const chosen = () => page.$eval("#model", (select) => (select as HTMLSelectElement).value);
    const title = (id: string) => page.textContent(`#model option[value="${id}"]`);
    /** Waits until the chosen model has answered, and gives its answer. */
    async function answer(of: string): Promise<Record<string, number>> {
      const says = of === "files" ? "Your model" : await title(of);
      await page.waitForFunction(
        (text) => document.getElementById("model-status")?.textContent === text,
        `${says} answers now.`,
        { timeout: 60_000 },
      );
      await page.waitForSelector("#answer:not([hidden]) #bars li", { timeout: 60_000 });
      const found = await page.$$eval("#bars li", (items) =>
        items.map((item) => [(item as HTMLElement).dataset.label, Number((item as HTMLElement).dataset.probability)]),
      );
      return Object.fromEntries(found);
    }
    const choose = async (id: string) => {
      await page.selectOption("#model", id);
      return answer(id);
    };
    const ownToo = async () => {
      await page.setInputFiles("#own", [join(shapes, "config.json"), join(shapes, "model.safetensors")]);
      return answer("files");
    };

    test("are in a list, all of them; each answers the photo that is there as in Node, and no page is loaded", async () => {
      const before = foreign.length;
      expect(await rows()).toEqual(ids);
      expect(await chosen()).toBe(first);
      await page.evaluate("window.still = true");
      await look(`${photos}chelsea.png`);
      await ownToo();
      expect(await rows()).toEqual([...ids, "files"]);
      expect(await title("files")).toBe("Your own: your files");
      const models = { ...resnetModels, ...vitModels, [hybrid.name]: hybrid };
      for (const { id, config, folder: weights } of [...box].reverse()) {
        const there = await choose(id);
        const classifier = await createClassifier({ models, weights });
        const here = await classifier.classify(`${photos}chelsea.png`, { top: 5 }).finally(() => classifier.dispose());
        expect(Object.keys(there)).toEqual(here.map(({ label }) => label));
        for (const { label, probability } of here) {
          expect(Math.abs((there[label] as number) - probability)).toBeLessThan(1e-3);
        }
        expect(page.url()).toBe(id === first ? address : `${address}?weights=${id}`);
        expect(await page.textContent("#about")).toContain((config.labels ?? []).join(", "));
        const bytes = statSync(join(weights, "model.safetensors")).size;
        expect(await page.textContent("#size")).toMatch(
          new RegExp(
            `^${config.architecture}: [\\d,]{7,} parameters, ${(bytes / 1e6).toFixed(bytes < 1e6 ? 2 : 1)} MB$`,
          ),
        );
        expect(await page.isVisible("#box")).toBe(false);
      }
      expect(await page.getAttribute("#preview", "alt")).toBe("chelsea.png");
      expect(await page.evaluate("window.still")).toBe(true);
      expect(foreign.length).toBe(before);
    });

    test("are opened by the page's address under the name that the command has for them", async () => {
      for (const id of ids) {
        await page.goto(`${address}?weights=${id}`);
        await page.waitForSelector("body[data-backend]", { timeout: 60_000 });
        expect(await chosen()).toBe(id);
      }
      await page.goto(`${address}?weights=@vitrail/weights-cifar10/nope`);
      await page.waitForSelector("#status.bad");
      expect(await page.textContent("#status")).toMatch(
        /\?weights= is "@vitrail\/weights-cifar10\/nope", of the box there is @vitrail\/weights-cifar10/,
      );
      expect(await chosen()).toBe("");
      await page.selectOption("#model", first);
      await page.waitForSelector("body[data-backend]", { timeout: 60_000 });
      expect(page.url()).toBe(address);
    });

    test("what cannot be had is said in a line, and the model that runs goes on", async () => {
      await look(`${photos}chelsea.png`);
      await ownToo();
      await page.route("**/*.safetensors", (route) => route.abort());
      await page.selectOption("#model", first);
      await page.waitForSelector("#model-status.bad", { timeout: 60_000 });
      expect(await page.textContent("#model-status")).toMatch(/safetensors cannot be fetched/);
      expect(await chosen()).toBe("files");
      expect(Object.keys(await look(`${photos}chelsea.png`)).sort()).toEqual(["circle", "square", "triangle"]);
      await page.unroute("**/*.safetensors");
      expect((await choose(first)).cat).toBeGreaterThan(0.5);
    });

    test("the keyboard changes them, and the list has a name", async () => {
      await look(`${photos}chelsea.png`);
      await ownToo();
      await choose(first);
      const list = page.getByRole("combobox", { name: "Model", exact: true });
      await page.focus("#file");
      await page.keyboard.press("Tab");
      expect(await list.evaluate((select) => select === document.activeElement)).toBe(true);
      await page.keyboard.press("End");
      expect(Object.keys(await answer("files"))).toContain("circle");
      await page.keyboard.press("Home");
      expect((await answer(first)).cat).toBeGreaterThan(0.5);
      expect(await page.getAttribute("#model-status", "role")).toBe("status");
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    });

    test("five times to and fro leaves no worker and no memory behind", async () => {
      const system = await browser.newBrowserCDPSession();
      const inspected = await page.context().newCDPSession(page);
      /** Of all pages, in bytes, once what nobody holds is collected; only where there is /proc. */
      const resident = async () => {
        await inspected.send("HeapProfiler.collectGarbage");
        const { processInfo } = await system.send("SystemInfo.getProcessInfo");
        const pages = processInfo.filter(({ type }) => type === "renderer");
        const sizes = pages.map(({ id }) => /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${id}/status`, "utf8"))?.[1]);
        return sizes.reduce((sum, size) => sum + 1024 * Number(size), 0);
      };
      await look(`${photos}chelsea.png`);
      await ownToo();
      const all = [...ids, "files"];
      for (const id of all) await choose(id);
      const workers = page.workers().length;
      const before = existsSync("/proc/self/status") ? await resident() : undefined;
      for (let round = 0; round < 5; round++) for (const id of all) await choose(id);
      await expect.poll(() => page.workers().length, { timeout: 30_000 }).toBe(workers);
      // A worker's memory goes when Chromium gets to it. One that stayed would be some 30 MB; these are ten and more.
      if (before !== undefined) await expect.poll(resident, { timeout: 60_000 }).toBeLessThan(before + 100e6);
      await system.detach();
      await inspected.detach();
    });

    test("a first visit fetches one model's weights and no more code than the ceilings say", async () => {
      const fetched: { url: string; bytes: number }[] = [];
      const fresh = await browser.newPage();
      const reads: Promise<void>[] = [];
      fresh.on("response", (response) => {
        const read = response.body().then((body) => {
          const code = /\.(js|css)$|\/$/.test(new URL(response.url()).pathname);
          fetched.push({ url: response.url(), bytes: code ? gzipSync(body).length : body.length });
        });
        reads.push(read.catch(() => undefined)); // a data: address has none
      });
      await fresh.goto(address);
      await fresh.waitForSelector("body[data-backend]", { timeout: 60_000 });
      await Promise.all(reads);
      await fresh.close();
      const sum = (what: RegExp) =>
        fetched.filter(({ url }) => what.test(url)).reduce((total, { bytes }) => total + bytes, 0);
      expect(fetched.filter(({ url }) => url.endsWith(".safetensors"))).toHaveLength(1);
      // Gzipped, as servers send it: the page itself, and all scripts, those of ONNX Runtime and tfjs too.
      expect(sum(/\/(index-[^/]*)?(\.js|\.css)?$/)).toBeLessThan(10_000);
      expect(sum(/\.(js|css)$|\/$/)).toBeLessThan(250_000);
      expect(sum(/\.wasm$/)).toBeLessThan(15e6);
      const box = new URL("../../../packages/weights-cifar10/model.safetensors", import.meta.url);
      expect(sum(/\.safetensors$/)).toBe(statSync(box).size);
      if (process.env.PAGE_WEIGHT) console.log(fetched);
    });
  });
});
