import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { shared } from "@repo/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { crop } from "../crop.ts";
import { decode } from "../decode.ts";
import { cases, type DecodeCase, sha256 } from "../testing.ts";
import { type OpenJpeg, openJpeg } from "./decoder.ts";

interface JpegCase {
  readonly name: string;
  readonly plain: boolean;
  readonly size: readonly [number, number];
  readonly bytes: string;
  readonly sha256: string;
}

const files = (
  JSON.parse(readFileSync(new URL("./__goldens__/files.json", import.meta.url), "utf8")) as { cases: JpegCase[] }
).cases;

test.each(files.filter(({ plain }) => plain))(
  "$name decodes to libjpeg-turbo's bytes, in whole and in part",
  (file) => {
    const jpeg = openJpeg(Buffer.from(file.bytes, "base64"), true) as OpenJpeg;
    expect([jpeg.width, jpeg.height]).toEqual(file.size);
    const whole = jpeg.decode();
    if (!whole) throw new Error("expected a picture");
    expect(sha256(whole.data).slice(0, 16)).toBe(file.sha256);
    const { width, height } = whole;
    const between = (n: number) => fc.integer({ min: 0, max: n - 1 });
    fc.assert(
      fc.property(between(width), between(width), between(height), between(height), (a, b, c, d) => {
        const region = {
          left: Math.min(a, b),
          top: Math.min(c, d),
          width: Math.abs(a - b) + 1,
          height: Math.abs(c - d) + 1,
        };
        expect(jpeg.decode(region)).toEqual(crop(whole, region));
      }),
      { numRuns: 40, seed: 1729 },
    );
  },
);

test.each(files.filter(({ plain }) => !plain))("$name is left to the other decoder", ({ bytes }) => {
  expect(openJpeg(Buffer.from(bytes, "base64"), true)).toBeUndefined();
});

test("what is decoded of the goldens of decode() is the same", async () => {
  let plain = 0;
  for (const { name, bytes } of cases<DecodeCase>("decode").filter((c) => c.name.endsWith(".jpg"))) {
    const data = Buffer.from(bytes, "base64");
    const found = openJpeg(data, true)?.decode();
    if (!found) continue;
    plain++;
    expect([name, sha256(found.data)]).toEqual([name, sha256((await decode(data)).data)]);
  }
  expect(plain).toBe(5);
});

test("an orientation that turns the picture is left to the other decoder, unless it does not count", () => {
  const turned = cases<DecodeCase>("decode").find(({ name }) => name === "orientation-6.jpg") as DecodeCase;
  const bytes = Buffer.from(turned.bytes, "base64");
  expect(openJpeg(bytes, true)).toBeUndefined();
  expect(openJpeg(bytes, false)?.decode()).toBeDefined();
});

test("damaged data is never an error nor a hang: the other decoder decides", () => {
  const whole = Buffer.from((files[5] as JpegCase).bytes, "base64");
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), (at, value, cut) => {
      const changed = Buffer.from(whole);
      changed[at] = value;
      for (const bytes of [
        changed,
        changed.subarray(0, cut),
        Buffer.concat([whole.subarray(0, cut), whole.subarray(-2)]),
      ]) {
        const jpeg = openJpeg(bytes, true);
        const image = jpeg && jpeg.width * jpeg.height < 1e6 ? jpeg.decode() : undefined;
        if (image) expect(image.data.length).toBe(image.width * image.height * 3);
      }
    }),
    { numRuns: 300, seed: 1729 },
  );
  // Cut inside of the data and closed with an end mark: all rows are asked for, and not there.
  const short = Buffer.concat([whole.subarray(0, whole.length - 200), whole.subarray(-2)]);
  expect(openJpeg(short, true)?.decode()).toBeUndefined();
});

test("a JPEG whose data ends early is refused whatever other pictures are decoded at the moment", async () => {
  // libvips keeps the message that tells it from a harmless warning where all threads write.
  const { bytes } = files.find(({ name }) => name.startsWith("420 41x30")) as JpegCase;
  const file = Buffer.from(bytes, "base64");
  const early = Buffer.concat([file.subarray(0, file.length - 300), file.subarray(-2)]);
  const other = Buffer.from((files.find(({ name }) => name === "progressive") as JpegCase).bytes, "base64");
  const results = await Promise.allSettled(Array.from({ length: 90 }, (_, i) => decode(i % 3 ? other : early)));
  expect(results.filter(({ status }) => status === "rejected").length).toBe(30);
  for (const result of results)
    if (result.status === "rejected")
      expect(result.reason.message).toBe("image: a damaged or cut JPEG: premature end of the data");
});

const committed = fileURLToPath(new URL("../../../../apps/cli/photos/", import.meta.url));
const folders = {
  "the repository": committed,
  "../shared (skipped where it is absent)": shared("data", "imagenet-photos"),
};

describe.each(Object.entries(folders))("photos of %s", (_, folder) => {
  test.skipIf(!folder)("decode to the other decoder's bytes", { timeout: 60_000 }, async () => {
    const names = readdirSync(folder as string).filter((name) => /\.jpe?g$/i.test(name));
    for (const name of names.filter((_, i) => i % 5 === 0)) {
      const bytes = readFileSync(join(folder as string, name));
      const jpeg = openJpeg(bytes, true);
      if (!jpeg) continue;
      const expected = await decode(bytes);
      expect([name, sha256((jpeg.decode() as typeof expected).data)]).toEqual([name, sha256(expected.data)]);
      const region = { left: jpeg.width >> 2, top: jpeg.height >> 3, width: jpeg.width >> 1, height: jpeg.height >> 1 };
      expect([name, sha256((jpeg.decode(region) as typeof expected).data)]).toEqual([
        name,
        sha256(crop(expected, region).data),
      ]);
    }
  });
});
