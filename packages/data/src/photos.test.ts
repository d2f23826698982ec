import { join } from "node:path";
import { shared } from "@repo/testing";
import { describe, expect, test } from "vitest";
import { decode } from "./decode.ts";
import { decodeHere } from "./decode-here.ts";
import type { Filter } from "./filters.ts";
import { resize } from "./resize.ts";
import { cases, sha256 } from "./testing.ts";
import { evalTransform, type Preprocess } from "./transform.ts";

interface PhotoCase {
  readonly file: string;
  readonly size: readonly [number, number];
  readonly decoded: string;
  readonly eval: readonly string[];
  readonly resized: Readonly<Record<Filter, string>>;
  readonly preprocess?: readonly Preprocess[];
}

const folder = shared("data", "imagenet-photos") && shared("photos") ? (shared() as string) : undefined;

describe.skipIf(!folder)("real photos (skipped where ../shared is absent)", () => {
  const all = cases<PhotoCase>("photos");
  const settings = all.find((c) => c.preprocess)?.preprocess as readonly Preprocess[];
  const photos = all.filter((c) => c.file !== "");

  test("decode to Pillow's bytes, ICC profiles and all, and transform to timm's and torchvision's floats", async () => {
    const transforms = settings.map(evalTransform);
    const wrong: string[] = [];
    for (const c of photos) {
      const path = join(folder as string, c.file);
      const image = await decode(path);
      if (sha256(image.data) !== c.decoded) wrong.push(`${c.file}: decode`);
      for (const [i, t] of transforms.entries()) {
        if (sha256(t(image)) !== c.eval[i]) wrong.push(`${c.file}: ${JSON.stringify(settings[i])}`);
        const part = await decodeHere(path, {}, t.window);
        if (sha256(t.ofWindow(part)) !== c.eval[i]) wrong.push(`${c.file}: ${JSON.stringify(settings[i])}, of a part`);
      }
    }
    expect(photos.length).toBeGreaterThanOrEqual(200);
    expect(wrong).toEqual([]);
  });

  test("resize to Pillow's bytes with every filter", async () => {
    const wrong: string[] = [];
    for (const c of photos) {
      const image = await decode(join(folder as string, c.file));
      for (const [filter, hash] of Object.entries(c.resized))
        if (sha256(resize(image, 331, 248, { filter: filter as Filter }).data) !== hash)
          wrong.push(`${c.file}: ${filter}`);
    }
    expect(wrong).toEqual([]);
  });
});
