import { expect, test } from "vitest";
import { encodeSafetensors, readCheckpoint, safetensorsChunks } from "./index.ts";

const header = (file: Uint8Array): string => {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  return new TextDecoder().decode(file.subarray(8, 8 + length));
};
const f32 = (...values: number[]) => ({ shape: [values.length], float32: () => Float32Array.from(values) });

test("the widest type comes first, then names by code point; the header is padded to 8 bytes", () => {
  const file = encodeSafetensors([
    ["😀", f32(1)],
    ["\uFFFD", f32(2)],
    ["h", { dtype: "F16", shape: [1], bytes: Uint8Array.of(0, 0x3c) }],
    ["i", { dtype: "I64", shape: [], bytes: new Uint8Array(8) }],
    ["aa", f32(3)],
    ["a", f32(4)],
    ["10", f32(5)],
    ["9", f32(6)],
  ]);
  expect([...readCheckpoint(file).tensors.keys()]).toEqual(["i", "10", "9", "a", "aa", "\uFFFD", "😀", "h"]);
  expect(header(file).length % 8).not.toBe(1);
  expect(Number(new DataView(file.buffer).getBigUint64(0, true)) % 8).toBe(0);
  expect(header(encodeSafetensors([]))).toBe("{}      ");
});

test("metadata is written where it is given, empty too, and kept in its order", () => {
  expect(header(encodeSafetensors([], { metadata: { z: "1", a: "é\u007f\n" } }))).toMatch(
    /^{"__metadata__":{"z":"1","a":"é\u007f\\n"}} *$/,
  );
  expect(header(encodeSafetensors([], { metadata: {} }))).toMatch(/^{"__metadata__":{}} *$/);
  expect(readCheckpoint(encodeSafetensors([])).metadata).toBeUndefined();
  expect(readCheckpoint(encodeSafetensors([], { metadata: {} })).metadata).toEqual({});
});

test("dtype turns floating-point tensors into another type and leaves the others", () => {
  const source = readCheckpoint(
    encodeSafetensors([
      ["w", f32(1, 1.0009765625, 65_536)],
      ["d", { dtype: "F64", shape: [1], bytes: new Uint8Array(Float64Array.of(0.1).buffer) }],
      ["n", { dtype: "I64", shape: [1], bytes: new Uint8Array(BigInt64Array.of(7n).buffer) }],
    ]),
  );
  const half = readCheckpoint(encodeSafetensors(source.tensors, { dtype: "F16" })).tensors;
  expect([...half].map(([name, t]) => [name, t.dtype, [...t.float32()]])).toEqual([
    ["n", "I64", [7]],
    ["d", "F16", [0.0999755859375]],
    ["w", "F16", [1, 1.0009765625, Number.POSITIVE_INFINITY]],
  ]);
  const single = readCheckpoint(encodeSafetensors(half, { dtype: "F32" })).tensors;
  expect(single.get("d")?.dtype).toBe("F32");
});

test("bytes without a float32 method are converted too", () => {
  const bytes = Uint8Array.of(0x80, 0x3f, 0x20, 0xc0, 0x49, 0x40);
  const { tensors } = readCheckpoint(
    encodeSafetensors([["b", { dtype: "BF16", shape: [3], bytes }]], { dtype: "F32" }),
  );
  expect([...(tensors.get("b")?.float32() ?? [])]).toEqual([1, -2.5, 3.140625]);
});

test("chunk by chunk it is the same file, and values are asked for one tensor at a time", () => {
  let live = 0;
  const tensors = ["a", "b", "c"].map((name) => {
    const float32 = () => {
      live++;
      return Float32Array.of(1, 2);
    };
    return [name, { shape: [2], float32 }] as const;
  });
  const chunks: Uint8Array[] = [];
  for (const chunk of safetensorsChunks(tensors)) {
    chunks.push(chunk);
    expect(live).toBe(chunks.length - 1);
  }
  expect(Buffer.compare(Buffer.concat(chunks), encodeSafetensors(tensors))).toBe(0);
});

test.for([
  ["a dtype that does not exist", [["a", { dtype: "F33", shape: [1], bytes: new Uint8Array(4) }]], {}, "bad-input"],
  ["too few bytes", [["a", { dtype: "F32", shape: [2], bytes: new Uint8Array(4) }]], {}, "bad-input"],
  ["too many values", [["a", { shape: [1], float32: () => new Float32Array(2) }]], {}, "bad-input"],
  ["a negative size", [["a", { shape: [-1], bytes: new Uint8Array(4) }]], {}, "bad-input"],
  ["no values", [["a", { shape: [1] }]], {}, "bad-input"],
  ["integers as fp32 only", [["a", { dtype: "I64", shape: [1], float32: () => new Float32Array(1) }]], {}, "bad-input"],
  [
    "one name twice",
    [
      ["a", f32(1)],
      ["a", f32(1)],
    ],
    {},
    "duplicate-name",
  ],
  ["the reserved name", [["__metadata__", f32(1)]], {}, "bad-input"],
  ["half of a surrogate pair", [["\ud83d", f32(1)]], {}, "bad-input"],
  ["a number as metadata", [], { metadata: { k: 1 as unknown as string } }, "bad-input"],
] as const)("%s cannot be written", ([, tensors, options, code]) => {
  expect(() => encodeSafetensors(tensors, options)).toThrow(expect.objectContaining({ name: "CheckpointError", code }));
});
