import { expect, test } from "vitest";
import { CheckpointError, isCheckpointError, readCheckpoint } from "./index.ts";
import { rawFile, thrown } from "./testing/fixtures.ts";

const u8 = (begin: number, end: number, shape: readonly unknown[] = [end - begin]) => ({
  dtype: "U8",
  shape,
  data_offsets: [begin, end],
});
const entry = (fields: string) => `{"a":{${fields}}}`;
const text = (s: string) => new TextEncoder().encode(s);
const huge = (n: bigint, rest = 0): Uint8Array => {
  const bytes = new Uint8Array(9 + rest);
  new DataView(bytes.buffer).setBigUint64(0, n, true);
  bytes[8] = 0x7b;
  return bytes;
};
const deep = (n: number) => `{"a":${"[".repeat(n)}${"]".repeat(n)}}`;
const deepExtra = (n: number) =>
  entry(`"dtype":"U8","shape":[],"data_offsets":[0,1],"x":${"[".repeat(n)}${"]".repeat(n)}`);

const cases: [title: string, bytes: Uint8Array, code: string, message?: RegExp][] = [
  ["an empty file", new Uint8Array(0), "empty-file", /empty/],
  ["three bytes", Uint8Array.of(1, 0, 0), "unknown-format"],
  ["a header length of 2^63", huge(2n ** 63n), "unknown-format"],
  ["a header length of 100,000,001", huge(100_000_001n), "header-too-large", /100000001 bytes, the limit is 100000000/],
  ["a header length of 4 GB", huge(2n ** 32n - 1n), "header-too-large"],
  ["a header that is longer than the file", huge(5000n), "truncated", /5000 bytes, the file only 9/],
  ["a header of one bracket", rawFile("{"), "bad-header"],
  ["a header that is not UTF-8", rawFile(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)), "bad-header", /UTF-8/],
  ["text after the header's object", rawFile("{}{}"), "bad-header", /closing brace/],
  ["a trailing comma", rawFile('{"a":1,}'), "bad-header"],
  [
    "a flipped bit in a key",
    rawFile(entry('"dtyqe":"U8","shape":[1],"data_offsets":[0,1]'), 1),
    "bad-header",
    /no dtype/,
  ],
  ["no shape", rawFile(entry('"dtype":"U8","data_offsets":[0,1]'), 1), "bad-header", /no shape/],
  ["no offsets", rawFile(entry('"dtype":"U8","shape":[1]'), 1), "bad-header", /data_offsets/],
  ["one offset", rawFile(entry('"dtype":"U8","shape":[1],"data_offsets":[0]'), 1), "bad-header", /data_offsets/],
  ["three offsets", rawFile(entry('"dtype":"U8","shape":[1],"data_offsets":[0,1,1]'), 1), "bad-header", /more than 2/],
  ["a tensor that is a number", rawFile('{"a":1}'), "bad-header"],
  ["a dtype that is a number", rawFile(entry('"dtype":1,"shape":[1],"data_offsets":[0,1]'), 1), "bad-header"],
  [
    "an unknown dtype",
    rawFile(entry('"dtype":"F128","shape":[1],"data_offsets":[0,16]'), 16),
    "unsupported-dtype",
    /"F128"/,
  ],
  ["toString as dtype", rawFile(entry('"dtype":"toString","shape":[],"data_offsets":[0,1]'), 1), "unsupported-dtype"],
  ["a negative dimension", rawFile({ a: u8(0, 1, [-1]) }, 1), "bad-header", /"-1"/],
  ["a fraction as dimension", rawFile({ a: u8(0, 1, [1.5]) }, 1), "bad-header", /"1.5"/],
  ["1e0 as dimension", rawFile(entry('"dtype":"U8","shape":[1e0],"data_offsets":[0,1]'), 1), "bad-header", /"1e0"/],
  ["01 as dimension", rawFile(entry('"dtype":"U8","shape":[01],"data_offsets":[0,1]'), 1), "bad-header"],
  [
    "a dimension over 2^53",
    rawFile(entry('"dtype":"U8","shape":[9007199254740993],"data_offsets":[0,1]'), 1),
    "bad-header",
  ],
  ["dimensions whose product overflows", rawFile({ a: u8(0, 1, [2 ** 40, 2 ** 40]) }, 1), "bad-tensor"],
  ["dimensions whose product wraps to 0 in 64 bits", rawFile({ a: u8(0, 0, [2 ** 32, 2 ** 32]) }), "bad-tensor"],
  ["65 dimensions", rawFile({ a: u8(0, 1, new Array(65).fill(1)) }, 1), "bad-header", /more than 64/],
  ["a string as shape", rawFile(entry('"dtype":"U8","shape":"1","data_offsets":[0,1]'), 1), "bad-header", /no list/],
  ["null as shape", rawFile(entry('"dtype":"U8","shape":null,"data_offsets":[0,1]'), 1), "bad-header"],
  [
    "offsets that are too long for the shape",
    rawFile({ a: u8(0, 4, [3]) }, 4),
    "bad-tensor",
    /takes 3 bytes.*give it 4/,
  ],
  ["offsets the wrong way round", rawFile({ a: u8(2, 1, [1]) }, 2), "bad-tensor"],
  [
    "half-byte elements that fill no byte",
    rawFile(entry('"dtype":"F4","shape":[3],"data_offsets":[0,2]'), 2),
    "bad-tensor",
  ],
  ["offsets outside the file", rawFile({ a: u8(0, 8) }, 4), "truncated", /promises 8 bytes of tensors, the file has 4/],
  ["offsets near 2^53", rawFile({ a: u8(2 ** 53 - 2, 2 ** 53 - 1, [1]) }, 1), "bad-layout"],
  [
    "overlapping tensors",
    rawFile({ a: u8(0, 4), b: u8(2, 6) }, 6),
    "bad-layout",
    /"b" begins at byte 2, inside tensor "a"/,
  ],
  ["one range for two tensors", rawFile({ a: u8(0, 4), b: u8(0, 4) }, 4), "bad-layout"],
  ["a hole before the first tensor", rawFile({ a: u8(1, 4) }, 4), "bad-layout", /0 to 1/],
  ["a hole between tensors", rawFile({ a: u8(0, 1), b: u8(3, 4) }, 4), "bad-layout", /1 to 3/],
  ["bytes after the last tensor", rawFile({ a: u8(0, 1) }, 4), "bad-layout", /3 bytes after its last tensor/],
  ["bytes without any tensor", rawFile({}, 4), "bad-layout"],
  [
    "one name twice",
    rawFile(`{"a":${JSON.stringify(u8(0, 1))},"a":${JSON.stringify(u8(1, 2))}}`, 2),
    "duplicate-name",
    /"a" twice/,
  ],
  [
    "one name twice, once escaped",
    rawFile(`{"a":${JSON.stringify(u8(0, 1))},"\\u0061":${JSON.stringify(u8(1, 2))}}`, 2),
    "duplicate-name",
  ],
  [
    "one key twice in an entry",
    rawFile(entry('"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]'), 1),
    "duplicate-name",
  ],
  ["metadata twice", rawFile('{"__metadata__":{},"__metadata__":{}}'), "duplicate-name"],
  ["one key twice in the metadata", rawFile('{"__metadata__":{"k":"1","k":"2"}}'), "duplicate-name"],
  ["a number in the metadata", rawFile('{"__metadata__":{"k":1}}'), "bad-header", /metadata/],
  ["metadata that is a list", rawFile('{"__metadata__":[]}'), "bad-header"],
  ["a control character in a name", rawFile('{"a\u0001":{}}'), "bad-header"],
  ["a wrong escape", rawFile('{"\\x":{}}'), "bad-header"],
  ["an open string", rawFile('{"abc'), "bad-header", /inside a string/],
  ["an open string that ends in an escape", rawFile('{"abc\\'), "bad-header"],
  ["100,000 brackets in place of a tensor", rawFile(deep(100_000)), "bad-header"],
  ["100,000 brackets under an unknown key", rawFile(deepExtra(100_000), 1), "bad-header", /nested/],
  ["a million open braces", rawFile("{".repeat(1_000_000)), "bad-header"],
  [
    "a Git LFS pointer",
    text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 346293852\n"),
    "lfs-pointer",
    /346293852 bytes.*git lfs pull/,
  ],
  ["a web page", text("\n<!DOCTYPE html><html><head><title>Sign in</title>"), "web-page", /web page \("Sign in"\)/],
  ["a page that begins with a comment", text("<!-- x --><html>"), "web-page"],
  ["a page after a byte order mark", text("\uFEFF<HTML>"), "web-page"],
  ["a server's answer in JSON", text('{"error":"Repository not found"}'), "unknown-format", /Repository not found/],
  ["a server's answer in words", text("Entry not found"), "unknown-format", /"Entry not found"/],
  ["a zip that is cut", text("PK\u0003\u0004"), "truncated", /no end record: it is cut/],
  ["a pickle", Uint8Array.of(0x80, 2, 0x4e, 0x2e), "unsupported-format", /torch\.save did not write/],
  ["a legacy file of torch that is cut", Uint8Array.of(0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46), "truncated"],
  ["an npy that is cut", Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0), "bad-header"],
  ["HDF5", Uint8Array.of(0x89, 0x48, 0x44, 0x46, 13, 10, 26, 10), "unsupported-format", /Keras/],
  ["a PNG", Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10), "unsupported-format", /image/],
  ["random bytes", Uint8Array.of(200, 1, 7, 9, 255, 3, 0, 88, 17, 90), "unknown-format", /begin c8 01 07/],
];

test.for(cases)("%s is a CheckpointError of one line that names the file", ([, bytes, code, message]) => {
  const error = thrown(() => readCheckpoint(bytes, { name: "weights/x.safetensors" }));
  expect(error, "it should throw").toBeDefined();
  expect(isCheckpointError(error)).toBe(true);
  expect(error).toMatchObject({ name: "CheckpointError", code, file: "weights/x.safetensors" });
  expect(error?.message).toMatch(/^weights\/x\.safetensors: [^\n]+$/);
  expect(error?.message.length).toBeLessThan(400);
  if (message) expect(error?.message).toMatch(message);
});

test("names like __proto__ and constructor are names like any other", () => {
  const header = `{"__metadata__":{"__proto__":"x"},"__proto__":${JSON.stringify(u8(0, 1))},"constructor":${JSON.stringify(u8(1, 2))}}`;
  const { tensors, metadata } = readCheckpoint(rawFile(header, Uint8Array.of(7, 8)));
  expect([...tensors.keys()]).toEqual(["__proto__", "constructor"]);
  expect([...(tensors.get("__proto__")?.float32() ?? [])]).toEqual([7]);
  expect(Object.entries(metadata ?? {})).toEqual([["__proto__", "x"]]);
  expect(Object.getPrototypeOf(metadata)).toBe(Object.prototype);
});

test("tensors without elements, unknown keys, white space and offsets out of order are no error", () => {
  const header = ` {"b" : ${JSON.stringify({ ...u8(1, 2), note: { x: [1, -2.5e3, null, true, false, "s"] } })} ,\n"e":${JSON.stringify(u8(1, 1, [0, 2 ** 52]))},"a":${JSON.stringify(u8(0, 1))}}\t `;
  const { tensors } = readCheckpoint(rawFile(`{${header.trim().slice(1)}\t `, Uint8Array.of(1, 2)));
  expect([...tensors].map(([name, t]) => [name, [...t.float32()]])).toEqual([
    ["b", [2]],
    ["e", []],
    ["a", [1]],
  ]);
});

test("only the header is read when a checkpoint is opened, and only a tensor's bytes when it is used", () => {
  const bytes = rawFile({ a: u8(0, 100_000), b: u8(100_000, 100_003) }, 100_003);
  const reads: number[] = [];
  let closed = 0;
  const checkpoint = readCheckpoint({
    byteLength: bytes.length,
    bytes(begin, end) {
      reads.push(end - begin);
      return bytes.subarray(begin, end);
    },
    close: () => void closed++,
  });
  expect(reads.reduce((sum, n) => sum + n, 0)).toBeLessThan(3000);
  reads.length = 0;
  checkpoint.tensors.get("b")?.float32();
  expect(reads).toEqual([3]);
  checkpoint.close();
  expect(closed).toBe(1);
});

test("a storage that gives too few bytes is found out", () => {
  const bytes = rawFile({ a: u8(0, 4) }, 4);
  const short = {
    byteLength: bytes.length,
    bytes: (begin: number, end: number) => bytes.subarray(begin, Math.min(end, bytes.length - 1)),
  };
  expect(() => readCheckpoint(short, { name: "x" }).tensors.get("a")?.float32()).toThrow(
    expect.objectContaining({ code: "read-failed" }),
  );
});

test("an error of another copy of the package is recognised", () => {
  expect(isCheckpointError(Object.assign(new Error("x"), { name: "CheckpointError", code: "truncated" }))).toBe(true);
  expect(isCheckpointError(new Error("x"))).toBe(false);
  expect(new CheckpointError("truncated", "m").file).toBeUndefined();
});
