import { spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expectClose } from "@repo/testing";
import { readCheckpoint } from "@vitrail/checkpoint";
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EmbedRow } from "../src/commands/embed.ts";
import { bundleCommand } from "./bundle.ts";
import { type Result, run } from "./run.ts";

const photo = (name: string) => fileURLToPath(new URL(`../photos/${name}`, import.meta.url));
const box = fileURLToPath(new URL("../../../packages/weights-cifar10", import.meta.url));
const names = ["chelsea.png", "rocket.jpg", "astronaut.png"];

let out: string;
let work: string;
const vitrail = (...args: string[]): Promise<Result> => run(join(out, "vitrail.js"), args, { cwd: work });
const embed = (...args: string[]) => vitrail("embed", "--weights", box, ...args);
const summary = ({ stdout }: Result) => JSON.parse(stdout) as EmbedRow;

interface Line {
  file: string;
  embedding: number[];
}
const lines = (file: string) =>
  readFileSync(join(work, file), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);

beforeAll(async () => {
  out = await bundleCommand(".vitrail-embed");
  work = mkdtempSync(join(tmpdir(), "vitrail-embed-"));
  mkdirSync(join(work, "фото"));
  for (const name of names) copyFileSync(photo(name), join(work, "фото", name));
  writeFileSync(join(work, "фото", "notes.txt"), "no photo");
  writeFileSync(join(work, "half.jpg"), readFileSync(photo("rocket.jpg")).subarray(0, 50_000));
});
afterAll(() => {
  rmSync(work, { recursive: true });
  rmSync(out, { recursive: true });
});

describe("vitrail embed", () => {
  const files = ["astronaut.png", "chelsea.png", "rocket.jpg"].map((name) => join("фото", name));
  let expected: Line[];

  beforeAll(async () => {
    const result = await embed("фото", "--out", "all.jsonl");
    expect(result.stderr).toContain("1 other file passed over");
    expect(result.status, result.stderr).toBe(0);
    expect(result.stdout).toBe("all.jsonl: 3 vectors of 128 numbers, resnet20_cifar\n");
    expected = lines("all.jsonl");
  });

  test("writes a line of JSON for each photo, in order", () => {
    expect(expected.map(({ file }) => file)).toEqual(files);
    for (const { embedding } of expected) {
      expect(embedding).toHaveLength(128);
      expect(embedding.some((value) => value !== 0)).toBe(true);
      for (const value of embedding) expect(Math.abs(value - Math.fround(value))).toBeLessThanOrEqual(1e-8);
    }
    expect(expected[0]?.embedding).not.toEqual(expected[1]?.embedding);
  });

  test("writes safetensors: one tensor, the names in the metadata, readable as any checkpoint is", async () => {
    const result = await embed("фото", "half.jpg", "--out", "all.safetensors", "--json");
    expect(result.status).toBe(1);
    const { tensors, metadata } = readCheckpoint(new Uint8Array(readFileSync(join(work, "all.safetensors"))));
    expect([...tensors.keys()]).toEqual(["embeddings"]);
    expect(tensors.get("embeddings")).toMatchObject({ dtype: "F32", shape: [3, 128] });
    expect(JSON.parse(metadata?.names as string)).toEqual(files);
    expect(metadata?.model).toBe("resnet20_cifar");
    const values = tensors.get("embeddings")?.float32() as Float32Array;
    for (const [i, { embedding }] of expected.entries()) {
      expectClose(values.subarray(i * 128, (i + 1) * 128), embedding, 1e-5);
    }
  });

  test("writes Parquet: a column of names, a column of lists of floats", async () => {
    const result = await embed("фото", "--out", "all.parquet", "--engine", "ort-web");
    expect(result.status, result.stderr).toBe(0);
    const file = await asyncBufferFromFile(join(work, "all.parquet"));
    const meta = await parquetMetadataAsync(file);
    expect(meta.schema.map(({ name, type }) => [name, type])).toEqual([
      ["root", undefined],
      ["file", "BYTE_ARRAY"],
      ["embedding", undefined],
      ["list", undefined],
      ["element", "FLOAT"],
    ]);
    expect(meta.key_value_metadata).toEqual([{ key: "model", value: "resnet20_cifar" }]);
    const rows = (await parquetReadObjects({ file })) as unknown as Line[];
    expect(rows.map((row) => row.file)).toEqual(files);
    for (const [i, { embedding }] of rows.entries()) expectClose(embedding, expected[i]?.embedding ?? [], 1e-4);
  });

  test("a photo that fails is listed and skipped, the file holds the others, and the status is 1", async () => {
    const cat = photo("chelsea.png");
    const result = await embed("missing.jpg", cat, "half.jpg", "--out", "some.jsonl", "--json");
    expect(result.status).toBe(1);
    expect(summary(result)).toEqual({
      model: "resnet20_cifar",
      file: "some.jsonl",
      vectors: 1,
      width: 128,
      failed: [
        { file: "missing.jpg", error: expect.stringMatching(/no such file/) },
        { file: "half.jpg", error: expect.stringMatching(/^a damaged or cut JPEG/) },
      ],
    });
    expect(lines("some.jsonl").map(({ file }) => file)).toEqual([cat]);
    const spoken = await embed("missing.jpg", cat, "--out", "more.jsonl");
    expect(spoken.stderr).toContain("error: missing.jpg: no such file or folder");
    expect(spoken.stdout).toContain("1 vector of 128");
  });

  // Windows takes no command line of 60 kB.
  test.skipIf(process.platform === "win32")(
    "takes more names than the native runtime's own thread would bear",
    async () => {
      const long = join("..", basename(work), "фото", "rocket.jpg");
      const many = Array.from({ length: 1500 }, () => long); // 60 kB, as a shell makes of *.jpg
      const result = await embed(...many, "--engine", "ort", "--out", "many.jsonl");
      expect(result.status, result.stderr).toBe(0);
      expect(lines("many.jsonl")).toHaveLength(1500);
    },
  );

  test("reads a photo from stdin for -", async () => {
    const args = ["embed", "-", "--model", "resnet20_cifar", "--out", "stdin.jsonl"];
    const result = await run(join(out, "vitrail.js"), args, { input: readFileSync(photo("chelsea.png")), cwd: work });
    expect(result.status, result.stderr).toBe(0);
    expect(lines("stdin.jsonl")[0]?.file).toBe("-");
  });

  test("where nothing can be embedded nothing is written, and what was there stays", async () => {
    writeFileSync(join(work, "kept.jsonl"), "before");
    const result = await embed("half.jpg", "--out", "kept.jsonl", "--force");
    expect(result.status).toBe(1);
    expect(result.stderr).toContain("none of the photos has a vector");
    expect(readFileSync(join(work, "kept.jsonl"), "utf8")).toBe("before");
    expect((await embed("half.jpg", "--out", "new.parquet")).status).toBe(1);
    expect(existsSync(join(work, "new.parquet"))).toBe(false);
  });

  test.skipIf(process.platform === "win32")("interrupted while it writes, it leaves no half file", async () => {
    const many = Array.from({ length: 500 }, () => photo("astronaut.png")); // many seconds of work
    const args = [join(out, "vitrail.js"), "embed", "--weights", box, "--out", "cut.jsonl", ...many];
    const child = spawn(process.execPath, args, { cwd: work, stdio: "ignore" });
    const drafts = () => readdirSync(work).filter((name) => name.startsWith("cut.jsonl"));
    const ended = () => child.exitCode !== null || child.signalCode !== null;
    while (drafts().length === 0 && !ended()) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(drafts()).toEqual([expect.stringMatching(/\.tmp$/)]);
    child.kill("SIGINT");
    const status = await new Promise((resolve) => child.on("close", resolve));
    expect(status).toBe(130);
    expect(drafts()).toEqual([]);
  });

  test.each<[string, string[], RegExp]>([
    [
      "an ending without a format",
      ["--weights", "x", "--out", "v.npy"],
      /--out v\.npy: expected a name that ends in \.safetensors, \.parquet, \.jsonl/,
    ],
    ["no model", ["--out", "v.jsonl"], /expected --weights or --model: vectors of different models do not compare/],
    ["no file", ["--weights", "x"], /required option '-o, --out/],
    ["a file that is there", ["--weights", "x", "--out", "half.jpg.jsonl"], /give --force to write over it/],
    [
      "a folder that is not",
      ["--model", "resnet20_cifar", "--out", "no/v.jsonl"],
      /--out no\/v\.jsonl cannot be written: there is no folder no/,
    ],
    ["an unknown model", ["--model", "resnet21", "--out", "v.jsonl"], /Did you mean/],
    ["weights that are not there", ["--weights", "nowhere", "--out", "v.jsonl"], /nowhere/],
  ])("%s is an error that says what to do", async (_, args, message) => {
    writeFileSync(join(work, "half.jpg.jsonl"), "");
    const result = await vitrail("embed", photo("rocket.jpg"), ...args);
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(message);
    expect(result.stderr).not.toMatch(/^ +at /m);
    expect(readdirSync(work).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });
});
