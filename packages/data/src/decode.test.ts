import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { deflateSync } from "node:zlib";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decode } from "./decode.ts";
import type { ImageError } from "./errors.ts";
import { cases, type DecodeCase, fileNamed, noise, sha256 } from "./testing.ts";

/** The error of a promise that must fail. */
async function failure(promise: Promise<unknown>): Promise<ImageError> {
  return promise.then(
    () => expect.unreachable("expected an error"),
    (error: ImageError) => error,
  ) as Promise<ImageError>;
}

const pixel = ({ data, width }: { data: Uint8Array; width: number }, x = 0, y = 0): number[] => [
  ...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3),
];

/** A chunk of a PNG; the checksum is right. */
function png(width: number, height: number, depth: number, colour: number, raw: Uint8Array): Buffer {
  const chunk = (kind: string, data: Uint8Array): Buffer => {
    const out = Buffer.alloc(12 + data.length);
    out.writeUInt32BE(data.length, 0);
    out.write(kind, 4, "latin1");
    out.set(data, 8);
    out.writeUInt32BE(crc(out.subarray(4, 8 + data.length)), 8 + data.length);
    return out;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colour, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(raw, { level: 9 })),
    chunk("IEND", new Uint8Array(0)),
  ]);
}

function crc(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (const b of bytes) {
    c ^= b;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  }
  return ~c >>> 0;
}

describe("decode gives Pillow's bytes", () => {
  test.each(cases<DecodeCase>("decode").map((c) => [c.name, c.mode, c] as const))("for %s (%s)", async (_, __, c) => {
    const bytes = Buffer.from(c.bytes, "base64");
    const image = await decode(bytes);
    expect([image.width, image.height]).toEqual(c.size);
    if (c.rgb) expect([...image.data]).toEqual([...Buffer.from(c.rgb, "base64")]);
    expect(sha256(image.data)).toBe(c.sha256);
    const stored = await decode(bytes, { orientation: false });
    expect([stored.width, stored.height]).toEqual(c.stored);
    if (c.unrotated) expect(sha256(stored.data)).toBe(c.unrotated);
  });
});

describe("inputs that broke others", () => {
  test("CMYK is never inverted, with Adobe's marker or without (lovell/sharp#1649)", async () => {
    for (const name of ["cmyk.jpg", "cmyk-no-adobe.jpg"])
      expect(pixel(await decode(fileNamed(name)), 8, 8)).toEqual([153, 115, 76]);
    for (const name of ["cmyk-full.jpg", "cmyk-full-no-adobe.jpg"])
      expect(pixel(await decode(fileNamed(name)), 8, 8)).toEqual([255, 0, 0]);
  });

  test("a palette's alpha is dropped (image-js/image-js#498)", async () => {
    const image = await decode(fileNamed("palette-alpha.png"));
    expect([0, 1, 2].map((x) => pixel(image, x))).toEqual([
      [255, 0, 0],
      [0, 255, 0],
      [0, 0, 255],
    ]);
  });

  test.each(["animation.gif", "animation.webp", "gif-named.jpg", "one-frame.gif", "animation.png", "pages.tif"])(
    "%s gives its first frame, 10 x 20 x 3, red (vladmandic/human#490)",
    async (name) => {
      const image = await decode(fileNamed(name), { name });
      expect([image.height, image.width, image.data.length]).toEqual([10, 20, 600]);
      expect(pixel(image)).toEqual([255, 0, 0]);
    },
  );

  test("half a JPEG is an error that names the file (python-pillow/Pillow#2717)", async () => {
    for (const name of ["big.jpg", "big-progressive.jpg"]) {
      const bytes = fileNamed(name);
      const error = await failure(decode(bytes.subarray(0, bytes.length / 2), { name: "half.jpg" }));
      expect(error).toMatchObject({ name: "ImageError", code: "corrupt-image", file: "half.jpg" });
      expect(error.message).toContain("half.jpg: a damaged or cut JPEG");
      // ... also where somebody put an end mark behind the half
      const ended = Buffer.concat([bytes.subarray(0, bytes.length / 2), Uint8Array.of(0xff, 0xd9)]);
      expect((await failure(decode(ended))).code).toBe("corrupt-image");
    }
  });

  test("a JPEG that lacks only its end mark decodes to the same pixels", async () => {
    for (const name of ["big.jpg", "big-progressive.jpg", "rgb.jpg", "grey.jpg", "cmyk-noise.jpg"]) {
      const bytes = fileNamed(name);
      expect(await decode(bytes.subarray(0, -2))).toEqual(await decode(bytes));
    }
  });

  test("stray bytes between segments, which libjpeg warns of and Pillow reads, are no error", async () => {
    const bytes = fileNamed("rgb.jpg");
    const stray = Buffer.concat([bytes.subarray(0, 20), Uint8Array.of(1, 2, 3), bytes.subarray(20)]);
    expect(await decode(stray)).toEqual(await decode(bytes));
  });

  test("a tiny file of 20,000 x 20,000 pixels is refused before the decoder is called (lovell/sharp#2373)", async () => {
    const bomb = png(20000, 20000, 1, 0, new Uint8Array(2501 * 20000));
    expect(bomb.length).toBeLessThan(50_000);
    const before = process.memoryUsage().rss;
    const error = await failure(decode(bomb, { name: "bomb.png" }));
    expect(process.memoryUsage().rss - before).toBeLessThan(50 * 2 ** 20);
    expect(error.code).toBe("too-many-pixels");
    expect(error.message).toBe(
      "bomb.png: 20000 x 20000 = 400000000 pixels, more than the limit of 178956970; raise it with maxPixels (--max-pixels N)",
    );
    // The decoder would have found this one damaged: it was not asked.
    const fake = png(50_000, 50_000, 8, 2, new Uint8Array(1));
    expect((await failure(decode(fake))).code).toBe("too-many-pixels");
  });

  test("maxPixels counts: raised it decodes, lowered it refuses", async () => {
    const sheet = png(2000, 1000, 1, 0, new Uint8Array(251 * 1000));
    expect((await failure(decode(sheet, { maxPixels: 1_999_999 }))).code).toBe("too-many-pixels");
    const image = await decode(sheet, { maxPixels: 2_000_000 });
    expect([image.width, image.height, image.data.every((v) => v === 0)]).toEqual([2000, 1000, true]);
    expect((await decode(sheet, { maxPixels: Number.POSITIVE_INFINITY })).width).toBe(2000);
    expect((await failure(decode(sheet, { maxPixels: Number.NaN }))).code).toBe("bad-argument");
  });

  test("a pixel's colour does not depend on its alpha, 0 included (tensorflow/tfjs#7923)", async () => {
    for (const name of ["alpha.png", "alpha.webp", "alpha.tif"]) {
      const image = await decode(fileNamed(name));
      for (let x = 0; x < 6; x++) expect(pixel(image, x)).toEqual([255, 200, 100]);
    }
  });

  test("the colour under a GIF's transparent index is the palette's", async () => {
    const c = cases<DecodeCase>("decode").find((d) => d.name === "transparent.gif") as DecodeCase;
    expect(sha256((await decode(fileNamed(c.name))).data)).toBe(c.sha256);
  });

  test("16-bit grey keeps its levels: the high byte of each, where Pillow clips to white", async () => {
    const raw = new Uint8Array(4 * (1 + 8));
    const levels = Array.from({ length: 16 }, (_, i) => i * 4096 + 77);
    for (const [i, v] of levels.entries()) raw.set([v >> 8, v & 255], Math.floor(i / 4) * 9 + 1 + (i % 4) * 2);
    const image = await decode(png(4, 4, 16, 0, raw));
    expect([...image.data].filter((_, i) => i % 3 === 0)).toEqual(levels.map((v) => v >> 8));
  });

  test("an ICC profile is ignored unless asked for", async () => {
    const stored = noise(16, 16, 7);
    const plain = sharp(stored.data, { raw: { width: 16, height: 16, channels: 3 } });
    const tagged = await plain.clone().withIccProfile("p3").png().toBuffer();
    const values = await sharp(tagged, { ignoreIcc: true }).raw().toBuffer();
    expect((await sharp(tagged).metadata()).hasProfile).toBe(true);
    expect([...(await decode(tagged)).data]).toEqual([...values]);
    expect([...(await decode(tagged, { icc: true })).data]).not.toEqual([...values]);
  });
});

describe("a file that is no picture", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "vitrail-data-фото ü 猫-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test.each([
    ["empty.jpg", "", "empty-file", "the file is empty (0 bytes)"],
    ["text.jpg", "hello there, this is text", "not-an-image", 'begins with "hello there, thi"'],
    ["page.png", "<!DOCTYPE html><html>", "not-an-image", 'begins with "<!DOCTYPE html><"'],
    ["pointer.jpg", "version https://git-lfs.github.com/spec/v1\n", "not-an-image", 'begins with "version https://"'],
    ["drawing.jpg", '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', "unsupported-image", "an SVG"],
    ["paper.jpg", "%PDF-1.7", "unsupported-image", "a PDF"],
    ["short.png", "\x89PNG\r\n\x1a\n", "corrupt-image", "a PNG whose header is cut off"],
    ["short.jpg", "\xff\xd8\xff", "corrupt-image", "a JPEG whose header is cut off"],
  ])("%s is named in the error", async (file, text, code, message) => {
    const path = join(folder, file);
    await writeFile(path, text, "latin1");
    const error = await failure(decode(path));
    expect(error).toMatchObject({ name: "ImageError", code, file: path });
    expect(error.message).toContain(`${path}: `);
    expect(error.message).toContain(message);
  });

  test("a path that is not there is named", async () => {
    const error = await failure(decode(join(folder, "none.jpg")));
    expect(error.code).toBe("unreadable-file");
    expect(error.message).toContain("none.jpg");
    expect((await failure(decode(folder))).code).toBe("unreadable-file");
  });

  test("a path may hold spaces and letters of any script, as a path or as a URL", async () => {
    const path = join(folder, "a b#1%20é.jpg");
    await writeFile(path, fileNamed("rgb.jpg"));
    const image = await decode(path);
    expect(await decode(pathToFileURL(path))).toEqual(image);
    expect(await decode(pathToFileURL(path).href)).toEqual(image);
  });

  test("0 pixels are refused", async () => {
    const error = await failure(decode(png(0, 5, 8, 0, new Uint8Array(5)), { name: "none.png" }));
    expect(error.message).toBe("none.png: a PNG of 0 x 5 pixels");
  });

  test("one pixel wide and one pixel high decode", async () => {
    expect((await decode(png(1, 300, 8, 0, new Uint8Array(600)))).height).toBe(300);
    expect((await decode(png(300, 1, 8, 0, new Uint8Array(301)))).width).toBe(300);
  });
});

test.each(["rgb.png", "rgb.webp", "rgb.tif", "colours.gif", "lzw.tif", "rgb.jpg", "progressive.jpg", "alpha.webp"])(
  "%s cut anywhere is an error or the whole picture, never a part of it",
  async (name) => {
    const bytes = fileNamed(name);
    const whole = await decode(bytes);
    const step = Math.max(1, Math.floor(bytes.length / 60));
    for (let cut = 1; cut < bytes.length; cut += cut < 40 || cut > bytes.length - 20 ? 1 : step) {
      const result = await decode(bytes.subarray(0, cut), { name: "cut" }).catch((e: ImageError) => e);
      if (result instanceof Error) expect(result).toMatchObject({ name: "ImageError", file: "cut" });
      else expect({ cut, same: sha256(result.data) === sha256(whole.data) }).toEqual({ cut, same: true });
    }
  },
);

test("decoded bytes are a plain Uint8Array of their own", async () => {
  const image = await decode(fileNamed("rgb.png"));
  expect(Object.getPrototypeOf(image.data)).toBe(Uint8Array.prototype);
});
