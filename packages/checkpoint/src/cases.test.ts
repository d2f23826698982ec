import { writeFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { encodeSafetensors, readCheckpoint } from "./index.ts";

test("bf16, a tensor without elements, a scalar of int64 and empty metadata survive a save and a load (safetensors#598)", async () => {
  const file = encodeSafetensors(
    [
      ["b", { dtype: "BF16", shape: [3], bytes: Uint8Array.of(0x80, 0x3f, 0x20, 0xc0, 0x49, 0x40) }],
      ["e", { dtype: "F32", shape: [0, 3], bytes: new Uint8Array(0) }],
      ["i", { dtype: "I64", shape: [], bytes: new Uint8Array(BigInt64Array.of(5n).buffer) }],
    ],
    { metadata: {} },
  );
  const folder = await mkdtemp(join(tmpdir(), "vitrail-case-"));
  try {
    const path = join(folder, "x.safetensors");
    writeFileSync(path, encodeSafetensors(readCheckpoint(file).tensors, readCheckpoint(file)));
    for (const bytes of [file, new Uint8Array(await readFile(path))]) {
      const { tensors, metadata } = readCheckpoint(bytes);
      expect(metadata).toEqual({});
      const all = [...tensors].map(([name, t]) => [name, t.dtype, t.shape, [...t.float32()]]);
      expect(all.sort(([a], [b]) => ((a as string) < (b as string) ? -1 : 1))).toEqual([
        ["b", "BF16", [3], [1, -2.5, 3.140625]],
        ["e", "F32", [0, 3], []],
        ["i", "I64", [], [5]],
      ]);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
