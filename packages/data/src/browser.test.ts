import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type Browser, chromium, type Page } from "playwright-core";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type * as entry from "./browser.ts";
import { decode } from "./decode.ts";
import type { DecodeOptions } from "./decode-options.ts";
import { cases, type DecodeCase, fileNamed, noise, sha256 } from "./testing.ts";
import { evalTransform, type Preprocess } from "./transform.ts";

const executablePath = [process.env.CHROMIUM ?? "", "/usr/bin/chromium", "/usr/bin/chromium-browser"].find(
  (path) => path !== "" && existsSync(path),
);
const flags =
  "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";

interface Decoded {
  readonly width: number;
  readonly height: number;
  readonly data: Buffer;
}

describe.skipIf(!executablePath)("in headless Chromium (skipped where no Chromium is installed)", () => {
  let browser: Browser;
  let server: Server;
  let page: Page;

  beforeAll(async () => {
    const bundle = await build({
      entryPoints: [fileURLToPath(new URL("./browser.ts", import.meta.url))],
      bundle: true,
      write: false,
      format: "iife",
      globalName: "data",
      platform: "browser",
    });
    server = createServer((_, response) => {
      response.setHeader("content-type", "text/html");
      response.end("<!doctype html><title>decode</title>");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    browser = await chromium.launch({ executablePath: executablePath as string, args: flags.split(" ") });
    page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await page.addScriptTag({ content: bundle.outputFiles[0]?.text ?? "" });
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  /** Decodes on the page, and runs an evaluation transform there if one is given. */
  async function onPage(bytes: Uint8Array, options: DecodeOptions = {}, preprocess?: Preprocess): Promise<Decoded> {
    const answer = await page.evaluate(
      async ([text, o, p]) => {
        const { data } = globalThis as unknown as { data: typeof entry };
        try {
          const image = await data.decode(
            Uint8Array.from(atob(text), (c) => c.charCodeAt(0)),
            o,
          );
          const out = p ? new Uint8Array(data.evalTransform(p)(image).buffer) : image.data;
          let s = "";
          for (let i = 0; i < out.length; i += 8192) s += String.fromCharCode(...out.subarray(i, i + 8192));
          return { width: image.width, height: image.height, text: btoa(s) };
        } catch (error) {
          return { message: (error as Error).message, code: (error as entry.ImageError).code };
        }
      },
      [Buffer.from(bytes).toString("base64"), options, preprocess] as const,
    );
    if ("message" in answer) throw Object.assign(new Error(answer.message), { code: answer.code });
    return { width: answer.width, height: answer.height, data: Buffer.from(answer.text, "base64") };
  }

  const files = cases<DecodeCase>("decode").filter((c) => !c.name.endsWith(".tif") && c.mode !== "CMYK");
  test.each(files.map((c) => [c.name, c] as const))("%s gives Pillow's bytes", async (_, c) => {
    const bytes = Buffer.from(c.bytes, "base64");
    const image = await onPage(bytes);
    expect([image.width, image.height]).toEqual(c.size);
    expect(sha256(image.data)).toBe(c.sha256);
    expect(sha256((await onPage(bytes, { orientation: false })).data)).toBe(c.unrotated);
  });

  test("every alpha from 0 to 255 leaves the colour alone, in PNG and in WebP (tensorflow/tfjs#7923)", async () => {
    const raw = { width: 256, height: 1, channels: 4 as const };
    const rgba = Buffer.from(Array.from({ length: 256 }, (_, a) => [255, 200, 100, a]).flat());
    const png = await sharp(rgba, { raw }).png().toBuffer();
    const webp = await sharp(rgba, { raw }).webp({ lossless: true, exact: true }).toBuffer();
    for (const bytes of [png, webp]) {
      const { data } = await onPage(bytes);
      for (let i = 0; i < 256; i++) expect([...data.subarray(i * 3, i * 3 + 3)]).toEqual([255, 200, 100]);
    }
  });

  test("an ICC profile is ignored", async () => {
    const raw = sharp(noise(16, 16, 7).data, { raw: { width: 16, height: 16, channels: 3 } }).withIccProfile("p3");
    for (const bytes of [
      await raw.clone().png().toBuffer(),
      await raw.clone().jpeg().toBuffer(),
      await raw.clone().webp({ lossless: true }).toBuffer(),
    ]) {
      const here = await decode(bytes);
      expect([...(await onPage(bytes)).data]).toEqual([...here.data]);
    }
  });

  test("CMYK is the browser's conversion: other values than Pillow's, never inverted", async () => {
    for (const name of ["cmyk.jpg", "cmyk-no-adobe.jpg"]) {
      const { data } = await onPage(fileNamed(name));
      const [r, g, b] = data.subarray(0, 3) as unknown as [number, number, number];
      expect(r > g && g > b && r > 130 && b < 110).toBe(true);
    }
  });

  test("a cut JPEG is an error, one that lacks only its end mark is not", async () => {
    for (const name of ["big.jpg", "big-progressive.jpg"]) {
      const bytes = fileNamed(name);
      for (const cut of [bytes.length >> 1, bytes.length - 300, bytes.length - 5, bytes.length - 3])
        await expect(onPage(bytes.subarray(0, cut), { name: "cut.jpg" })).rejects.toThrow(
          "cut.jpg: a damaged or cut JPEG",
        );
      expect((await onPage(bytes.subarray(0, -2))).data.equals(Buffer.from((await decode(bytes)).data))).toBe(true);
    }
  });

  test("bad files get the same codes as in Node", async () => {
    const bad: [Uint8Array, string][] = [
      [new Uint8Array(0), "empty-file"],
      [Buffer.from("<!DOCTYPE html>"), "not-an-image"],
      [fileNamed("rgb.tif"), "unsupported-image"],
      [fileNamed("rgb.png").subarray(0, 60), "corrupt-image"],
      [fileNamed("rgb.webp").subarray(0, 60), "corrupt-image"],
    ];
    for (const [bytes, code] of bad) await expect(onPage(bytes)).rejects.toMatchObject({ code });
    await expect(onPage(fileNamed("big.jpg"), { maxPixels: 16_383 })).rejects.toMatchObject({
      code: "too-many-pixels",
    });
  });

  test("the evaluation transform gives the same floats as in Node", async () => {
    const preprocess: Preprocess = {
      inputSize: [3, 48, 48],
      interpolation: "bicubic",
      cropPct: 0.9,
      cropMode: "center",
      mean: [0.485, 0.456, 0.406],
      std: [0.229, 0.224, 0.225],
    };
    const bytes = fileNamed("big.jpg");
    const here = evalTransform(preprocess)(await decode(bytes));
    expect(sha256((await onPage(bytes, {}, preprocess)).data)).toBe(sha256(here));
  });
});
