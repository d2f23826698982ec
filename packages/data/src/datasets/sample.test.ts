import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createSampleReader } from "./sample.ts";
import { png, tree } from "./testing.ts";

test("a reader gives files, slices, bytes and pixels", async () => {
  const root = tree({ "a.png": png(), "shard.bin": Buffer.concat([Buffer.from("junk"), png(), Buffer.from("more")]) });
  const reader = createSampleReader();
  const image = { width: 1, height: 1, data: Uint8Array.of(1, 2, 3) };
  const slice = { kind: "slice", path: join(root, "shard.bin"), offset: 4, length: png().length } as const;
  const file = { kind: "file", path: join(root, "a.png") } as const;
  for (const source of [slice, file, { kind: "bytes", bytes: png() } as const])
    expect([...(await reader.image(source)).data.subarray(0, 3)]).toEqual([0, 255, 0]);
  expect(await reader.image({ kind: "pixels", image })).toBe(image);
  expect([...(await reader.bytes(slice))]).toEqual([...png()]);
  await expect(reader.bytes({ kind: "pixels", image }, "x")).rejects.toMatchObject({ code: "bad-argument" });
  await reader.dispose();
});

test("more shards than are kept open are read all the same, at once and again after dispose", async () => {
  const root = tree({});
  const paths = Array.from({ length: 80 }, (_, i) => {
    const path = join(root, `${i}.bin`);
    writeFileSync(path, Buffer.from([i, i + 1, i + 2]));
    return path;
  });
  const reader = createSampleReader();
  const all = () =>
    Promise.all([...paths, ...paths].map((path) => reader.bytes({ kind: "slice", path, offset: 1, length: 2 })));
  const expected = paths.map((_, i) => [i + 1, i + 2]);
  expect((await all()).map((bytes) => [...bytes])).toEqual([...expected, ...expected]);
  await reader.dispose();
  expect((await all()).length).toBe(160);
  await reader.dispose();
});

test("what cannot be read is an ImageError with the sample's name", async () => {
  const root = tree({ "short.bin": "abc" });
  const reader = createSampleReader();
  const read = (path: string) =>
    reader.bytes({ kind: "slice", path: join(root, path), offset: 1, length: 9 }, "shard/7.jpg");
  await expect(read("short.bin")).rejects.toMatchObject({
    name: "ImageError",
    code: "unreadable-file",
    file: "shard/7.jpg",
    message: expect.stringMatching(/^shard\/7\.jpg: the file ends at byte 3, expected 10/),
  });
  await expect(read("gone.bin")).rejects.toMatchObject({ code: "unreadable-file" });
  await reader.dispose();
});
