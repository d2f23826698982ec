// Helpers of the tests of datasets; not part of the package's build.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, expect, onTestFinished } from "vitest";
import { decode } from "../decode.ts";
import type { DatasetError } from "./errors.ts";
import { openDataset } from "./open-dataset.ts";
import { createSampleReader } from "./sample.ts";
import { stream } from "./split.ts";
import type { Dataset, OpenDatasetOptions, Split } from "./types.ts";

/** Reads goldens written by tooling/goldens/datasets.py. */
export function cases<T>(name: string): T {
  const url = new URL(`./__goldens__/${name}.json`, import.meta.url);
  return (JSON.parse(readFileSync(url, "utf8")) as { cases: T }).cases;
}

/** A file as Python's libraries wrote it. */
export function golden(name: string): Buffer {
  const text = cases<Record<string, string>>("files")[name];
  if (text === undefined) throw new Error(`no golden file named ${name}`);
  return Buffer.from(text, "base64");
}

/** The colour of picture `i` of the generator. */
export function colour(i: number): [number, number, number] {
  return [10 * i, 255 - 10 * i, 7 * i];
}

/** A PNG of 3 x 2 pixels of one colour, the generator's picture `i`. */
export const png = (i = 0): Buffer => {
  const shard = golden("gnu.tar"); // its first file is picture 0
  const bytes = Buffer.from(shard.subarray(512, 512 + Number.parseInt(shard.toString("latin1", 124, 135), 8)));
  return i === 0 ? bytes : Buffer.concat([bytes, Buffer.from(String(i))]); // what comes behind the end does not count
};

/** Writes files into a new folder, which goes when the test ends. A key that ends in a slash is an empty folder. */
export function tree(files: Readonly<Record<string, Uint8Array | string>>): string {
  const root = mkdtempSync(join(tmpdir(), "vitrail-datasets-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name);
    mkdirSync(name.endsWith("/") ? path : dirname(path), { recursive: true });
    if (!name.endsWith("/")) writeFileSync(path, content);
  }
  return root;
}

const opened: Dataset[] = [];
afterEach(async () => {
  for (const dataset of opened.splice(0)) await dataset.dispose();
});

/** Opens a dataset that is disposed of when the test ends. */
export async function open(path: string | URL, options?: OpenDatasetOptions): Promise<Dataset> {
  const dataset = await openDataset(path, options);
  opened.push(dataset);
  return dataset;
}

/** The error of a promise that must fail with a DatasetError. */
export async function failure(promise: Promise<unknown>): Promise<DatasetError> {
  const error = (await promise.then(
    () => expect.unreachable("expected an error"),
    (cause: unknown) => cause,
  )) as DatasetError;
  expect(error.name).toBe("DatasetError");
  expect(error.message).not.toContain("\n");
  return error;
}

/** A split in a form to compare: names and classes. */
export function rows({ classes }: Dataset, split: Split | undefined): string[] {
  if (!split) return [];
  return Array.from({ length: split.length }, (_, i) => `${split.nameOf(i)} = ${classes[split.label(i)]}`);
}

/** The first pixel of every sample, by random access (from the back) and by streaming, which must agree. */
export async function firstPixels(split: Split): Promise<number[][]> {
  const reader = createSampleReader();
  const pixels: number[][] = new Array(split.length);
  for (let i = split.length - 1; i >= 0; i--)
    pixels[i] = [...(await reader.image(await split.source(i))).data.subarray(0, 3)];
  await reader.dispose();
  let next = 0;
  for await (const { index, name, label, source } of stream(split)) {
    expect([index, name, label]).toEqual([next, split.nameOf(next), split.label(next)]);
    const image =
      source.kind === "pixels"
        ? source.image
        : await decode(source.kind === "bytes" ? source.bytes : (source as { path: string }).path);
    expect([...image.data.subarray(0, 3)]).toEqual(pixels[next++]);
  }
  expect(next).toBe(split.length);
  return pixels;
}

/** A tar archive (ustar) of small files. */
export function tarOf(
  files: Readonly<Record<string, Uint8Array | string>> | readonly (readonly [string, Uint8Array | string])[],
): Buffer {
  const blocks: Buffer[] = [];
  for (const [name, content] of Array.isArray(files) ? files : Object.entries(files)) {
    const body = Buffer.from(content as string);
    const header = Buffer.alloc(512);
    header.write(name);
    header.write("0000644\0", 100);
    header.write(`${body.length.toString(8).padStart(11, "0")}\0`, 124);
    header.write("        0ustar\0" + "00", 148);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    blocks.push(header, body, Buffer.alloc((512 - (body.length % 512)) % 512));
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** An idx file of unsigned bytes. */
export function idx(shape: readonly number[], values: readonly number[]): Buffer {
  const out = Buffer.alloc(4 + 4 * shape.length + values.length);
  out.set([0, 0, 8, shape.length]);
  for (const [i, side] of shape.entries()) out.writeUInt32BE(side, 4 + 4 * i);
  out.set(values, 4 + 4 * shape.length);
  return out;
}
