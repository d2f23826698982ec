import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { decodePng } from "./png.ts";
import { cases, type DecodeCase, fileNamed, noise, sha256 } from "./testing.ts";

describe("the browsers' PNG decoder gives Pillow's bytes", () => {
  const files = cases<DecodeCase>("decode").filter((c) => c.name.endsWith(".png"));
  test.each(files.map((c) => [c.name, c] as const))("for %s", async (_, c) => {
    const bytes = Buffer.from(c.bytes, "base64");
    const image = await decodePng(bytes, true);
    expect([image.width, image.height]).toEqual(c.size);
    expect(sha256(image.data)).toBe(c.sha256);
    expect(sha256((await decodePng(bytes, false)).data)).toBe(c.unrotated);
  });
});

test("interlaced pictures of odd sizes come out whole", async () => {
  for (const [width, height] of [
    [1, 1],
    [2, 3],
    [5, 9],
    [17, 31],
  ] as const) {
    const image = noise(width, height, width);
    const raw = { width, height, channels: 3 as const };
    const bytes = await sharp(image.data, { raw }).png({ progressive: true }).toBuffer();
    expect(await decodePng(bytes, true)).toEqual(image);
  }
});

test("a cut or damaged PNG is an error", async () => {
  const bytes = fileNamed("rgb.png");
  for (let cut = 30; cut < bytes.length - 12; cut += 7)
    await expect(decodePng(bytes.subarray(0, cut), true)).rejects.toThrow();
  const flipped = Uint8Array.from(bytes);
  flipped[flipped.length >> 1] = (flipped[flipped.length >> 1] as number) ^ 0xff;
  await expect(decodePng(flipped, true)).rejects.toThrow();
});
