import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { shared } from "@repo/testing";
import type { Inspection } from "@vitrail/data";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundleCommand } from "./bundle.ts";
import { type Result, run } from "./run.ts";

const photo = (name: string) => readFileSync(fileURLToPath(new URL(`../photos/${name}`, import.meta.url)));
let out: string;
let work: string;
const vitrail = (...args: string[]): Promise<Result> => run(join(out, "vitrail.js"), args, { cwd: work });

beforeAll(async () => {
  out = await bundleCommand();
  work = mkdtempSync(join(tmpdir(), "vitrail-inspect-"));
  const [cat, rocket, coffee] = [photo("chelsea.png"), photo("rocket.jpg"), photo("coffee.png")];
  const files: Record<string, Uint8Array | string> = {
    "pets/train/cat/1.png": cat,
    "pets/train/other/rocket.jpg": rocket,
    "pets/train/other/cat.png": cat,
    "pets/train/other/cut.jpg": rocket.subarray(0, 50_000),
    "pets/train/cat/.DS_Store": "x",
    "pets/val/other/the same rocket.jpg": rocket,
    "pets/val/cat/coffee.png": coffee,
    "none/readme.txt": "no dataset",
  };
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(work, path)), { recursive: true });
    writeFileSync(join(work, path), content);
  }
});
afterAll(() => rmSync(work, { recursive: true }));

describe("vitrail inspect", () => {
  test("says what is in a dataset and what is wrong with it, and ends with 0", async () => {
    const { status, stdout, stderr } = await vitrail("inspect", "--data", "pets");
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(stdout).toContain("class folders, 6 pictures, 2 classes");
    expect(stdout).toMatch(/^ {2}class +train +val$/m);
    expect(stdout).toMatch(/^ {2}other +3 +1$/m);
    expect(stdout).toMatch(/1 picture cannot be read\n {2}train\/other\/cut\.jpg: a damaged or cut JPEG/);
    expect(stdout).toMatch(
      /1 picture of train also in another split\n {2}train\/other\/rocket\.jpg \(other\)\n {4}= val\/other\/the same rocket\.jpg/,
    );
    expect(stdout).toMatch(
      /1 picture under more than one class\n {2}train\/cat\/1\.png \(cat\)\n {4}= train\/other\/cat\.png \(other\)/,
    );
    expect(stdout).toMatch(/1 file or folder passed over\n {2}train\/cat\/\.DS_Store: a hidden file/);
  });

  test("--json has all of it", async () => {
    const { status, stdout } = await vitrail("inspect", "--json", "--data", "pets");
    expect(status).toBe(0);
    const report = JSON.parse(stdout) as Inspection;
    expect(report).toMatchObject({
      format: "folder",
      classes: ["cat", "other"],
      kinds: { jpeg: 2, png: 3 },
      imbalance: 3,
    });
    expect(report.bad.map(({ name }) => name)).toEqual(["train/other/cut.jpg"]);
    expect(report.leaks).toHaveLength(1);
    expect(report.conflicts).toHaveLength(1);
  });

  test.each<[string, string[], RegExp]>([
    ["a folder that is no dataset", ["--data", "none"], /^error: .*none: expected a folder for each class/],
    ["a folder that is not there", ["--data", "no/such"], /^error: no\/such: no such file or folder/],
    ["no folder at all", [], /required option '-d, --data <dir>'/],
  ])("%s: one plain error, status 1", async (_, args, message) => {
    const { status, stdout, stderr } = await vitrail("inspect", ...args);
    expect(status).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^ +at /m);
  });
});

const bees = shared("data/ants-bees");
test.skipIf(!bees)("inspects the ants and bees (skipped where ../shared is absent)", async () => {
  const { status, stdout } = await vitrail("inspect", "--json", "--data", bees as string);
  expect(status).toBe(0);
  const report = JSON.parse(stdout) as Inspection;
  expect(report.splits.map(({ samples }) => samples)).toEqual([245, 153]);
  expect(report.bad).toEqual([]);
  expect(report.skipped).toEqual([{ name: "train/.DS_Store", reason: "a hidden file" }]);
});
