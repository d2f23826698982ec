import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeSafetensors, readCheckpoint } from "@vitrail/checkpoint";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundleCommand } from "./bundle.ts";
import { type Result, run } from "./run.ts";

let out: string;
let work: string;
const vitrail = (...args: string[]): Promise<Result> => run(join(out, "vitrail.js"), args, { cwd: work });

/** A folder of weights, of one convolution's tensors. */
function folder(name: string, values: readonly number[], more: readonly [string, number[]][] = []): void {
  mkdirSync(join(work, name));
  const whole = new Uint8Array(BigInt64Array.of(BigInt(values.length)).buffer);
  const tensors = [
    ["bn1.running_var", { shape: [values.length], float32: () => Float32Array.from(values) }],
    ["bn1.num_batches_tracked", { dtype: "I64", shape: [], bytes: whole }],
    ...more.map(([key, v]) => [key, { shape: [v.length], float32: () => Float32Array.from(v) }] as const),
  ] as const;
  writeFileSync(join(work, name, "model.safetensors"), encodeSafetensors(tensors));
  writeFileSync(
    join(work, name, "config.json"),
    `{ "architecture": "resnet20_cifar", "num_classes": 10, "from": "${name}" }`,
  );
}

beforeAll(async () => {
  out = await bundleCommand();
  work = mkdtempSync(join(tmpdir(), "vitrail-average-"));
  folder("a", [1, 2]);
  folder("b", [2, 4]);
  folder("c", [6, 0.3]);
  folder("wide", [1, 2, 3]);
  folder("other", [1, 2], [["fc.bias", [1]]]);
});
afterAll(() => rmSync(work, { recursive: true }));

describe("vitrail average", () => {
  test("writes the mean of fractions, the first one's counts and config.json", async () => {
    const { status, stdout, stderr } = await vitrail("average", "a", "b", "c/model.safetensors", "--out", "mean");
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: "mean/model.safetensors: the mean of 3 checkpoints, 0.0 MB\n",
    });
    expect(stderr).toContain("train an epoch at a small rate");
    const { tensors, metadata } = readCheckpoint(new Uint8Array(readFileSync(join(work, "mean/model.safetensors"))));
    expect(metadata).toEqual({ format: "pt", average_of: "a, b, model.safetensors" });
    expect([...(tensors.get("bn1.running_var")?.float32() ?? [])]).toEqual([
      3,
      Math.fround((6 + Math.fround(0.3)) / 3),
    ]);
    expect(tensors.get("bn1.num_batches_tracked")?.dtype).toBe("I64");
    expect(readFileSync(join(work, "mean/config.json"), "utf8")).toContain('"from": "a"');
    const info = await vitrail("info", "mean", "--json");
    expect(info.status).toBe(0);
  });

  test("what cannot be averaged is one plain line, and nothing is written", async () => {
    for (const [args, reason] of [
      [["a", "--out", "no"], "expected two checkpoints or more"],
      [
        ["a", "wide", "--out", "no"],
        "a and wide are not of one network: bn1.running_var is [2] in the first, [3] in the second",
      ],
      [["a", "other", "--out", "no"], "a and other are not of one network: only the second has fc.bias"],
      [["other", "a", "--out", "no"], "other and a are not of one network: only the first has fc.bias"],
      [["a", "b", "--out", "c"], "there is such a file; give --force"],
      [["a", "b", "--out", "a/config.json"], "expected a folder to write to, found a file"],
      [["a", "nowhere", "--out", "no"], "nowhere"],
    ] as const) {
      const { status, stdout, stderr } = await vitrail("average", ...args);
      expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
      expect(stderr).toContain(reason);
      expect(stderr.trim().split("\n")).toHaveLength(1);
    }
    expect(existsSync(join(work, "no"))).toBe(false);
    expect(readdirSync(join(work, "c")).sort()).toEqual(["config.json", "model.safetensors"]);
    const forced = await vitrail("average", "a", "b", "--out", "c", "--force", "--json");
    expect(JSON.parse(forced.stdout)).toMatchObject({ of: ["a", "b"], file: "c/model.safetensors", tensors: 2 });
  });
});
