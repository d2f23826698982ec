import fc from "fast-check";
import { expect, test } from "vitest";
import type { ImageError } from "./errors.ts";
import { kindOf, probe } from "./probe.ts";
import { hasJpegEnd } from "./probe-jpeg.ts";
import { cases, type DecodeCase, fileNamed } from "./testing.ts";

const files = cases<DecodeCase>("decode");

test("probe tells kind and stored size of every kind from the header", () => {
  for (const c of files) {
    const found = probe(Buffer.from(c.bytes, "base64"), { name: c.name });
    expect({ name: c.name, size: [found.width, found.height] }).toEqual({ name: c.name, size: c.stored });
  }
  expect(probe(fileNamed("gif-named.jpg")).kind).toBe("gif");
});

test("probe reads AVIF through the primary item", async () => {
  const { default: sharp } = await import("sharp");
  const bytes = await sharp({ create: { width: 70, height: 33, channels: 4, background: "#f008" } })
    .avif()
    .toBuffer();
  expect(probe(bytes)).toEqual({ kind: "avif", width: 70, height: 33 });
});

test("probe answers or throws an ImageError on any cut of any file, at once", () => {
  for (const c of files.filter((_, i) => i % 5 === 0)) {
    const bytes = Buffer.from(c.bytes, "base64");
    for (let cut = 0; cut < Math.min(bytes.length, 300); cut++) {
      try {
        const found = probe(bytes.subarray(0, cut));
        expect(found.width).toBeGreaterThan(0);
      } catch (error) {
        expect((error as ImageError).name).toBe("ImageError");
      }
    }
  }
});

test("probe answers or throws an ImageError on damaged headers", () => {
  const originals = files.map((c) => Buffer.from(c.bytes, "base64"));
  fc.assert(
    fc.property(
      fc.constantFrom(...originals),
      fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { minLength: 1, maxLength: 8 }),
      (original, changes) => {
        const bytes = Uint8Array.from(original);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        try {
          const { width, height } = probe(bytes);
          expect(width >= 1 && height >= 1).toBe(true);
        } catch (error) {
          expect((error as ImageError).name).toBe("ImageError");
        }
        hasJpegEnd(bytes);
      },
    ),
    { numRuns: 2000 },
  );
});

test("probe survives any bytes behind any signature", () => {
  const heads = ["\xff\xd8\xff", "\x89PNG\r\n\x1a\n", "GIF89a", "II*\0", "MM\0*", "II+\0", "\0\0\0\x1cftypavif"];
  fc.assert(
    fc.property(fc.constantFrom(...heads), fc.uint8Array({ maxLength: 300 }), (head, rest) => {
      const bytes = Buffer.concat([Buffer.from(head, "latin1"), rest]);
      expect(kindOf(bytes)).toBeDefined();
      try {
        probe(bytes);
      } catch (error) {
        expect((error as ImageError).name).toBe("ImageError");
      }
    }),
    { numRuns: 2000 },
  );
});

test("a JPEG's end is not that of its embedded preview, and bytes behind it do not matter", () => {
  const bytes = fileNamed("rgb.jpg");
  expect(hasJpegEnd(bytes)).toBe(true);
  expect(hasJpegEnd(Buffer.concat([bytes, Buffer.from("trailing bytes")]))).toBe(true);
  expect(hasJpegEnd(bytes.subarray(0, -2))).toBe(false);
  const preview = Buffer.concat([Uint8Array.of(0xff, 0xe5, (bytes.length + 2) >> 8, (bytes.length + 2) & 255), bytes]);
  const carrier = Buffer.concat([bytes.subarray(0, 2), preview, bytes.subarray(2, -2)]);
  expect(hasJpegEnd(carrier)).toBe(false);
});
