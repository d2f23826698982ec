import { readFileSync } from "node:fs";
import { shared } from "@repo/testing";
import { expect, test } from "vitest";
import { encodeSafetensors, readCheckpoint, readSharded } from "./index.ts";

const golden = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`__goldens__/${name}`, import.meta.url)));
/** fp32's bits, any NaN as one: which NaN torch makes depends on the CPU. (half.test.ts has the payloads.) */
const bitsOf = (values: Float32Array): number[] =>
  Array.from(new Uint32Array(values.slice().buffer), (bits, i) => (Number.isNaN(values[i]) ? 0x7fc00000 : bits));

interface Expected {
  readonly metadata: Record<string, string> | null;
  readonly tensors: Record<string, { shape: number[]; float32Bits: number[] }>;
}

test.for(["all-types", "empty-metadata", "no-tensors"])(
  "%s, written by Python, reads to the bit and is written byte for byte",
  (name) => {
    const bytes = golden(`${name}.safetensors`);
    const expected = JSON.parse(readFileSync(new URL(`__goldens__/${name}.json`, import.meta.url), "utf8")) as Expected;
    const checkpoint = readCheckpoint(bytes);
    expect(checkpoint.format).toBe("safetensors");
    expect(checkpoint.metadata ?? null).toEqual(expected.metadata);
    expect([...checkpoint.tensors.keys()].sort()).toEqual(Object.keys(expected.tensors).sort());
    for (const [key, { shape, float32Bits }] of Object.entries(expected.tensors)) {
      const tensor = checkpoint.tensors.get(key);
      expect(tensor?.shape, key).toEqual(shape);
      expect(bitsOf(tensor?.float32() as Float32Array), key).toEqual(float32Bits);
    }
    expect(encodeSafetensors(checkpoint.tensors, checkpoint)).toEqual(bytes);
    // In any order of the tensors, and from bytes at an odd address:
    const odd = new Uint8Array(bytes.length + 1);
    odd.set(bytes, 1);
    const again = readCheckpoint(odd.subarray(1));
    expect(encodeSafetensors([...again.tensors].reverse(), again)).toEqual(bytes);
    for (const [key, { float32Bits }] of Object.entries(expected.tensors)) {
      expect(bitsOf(again.tensors.get(key)?.float32() as Float32Array), key).toEqual(float32Bits);
    }
  },
);

test("fp16, bf16 and fp64 are rounded as torch rounds them", () => {
  const { tensors } = readCheckpoint(golden("rounding.safetensors"));
  const get = (name: string) => tensors.get(name) ?? expect.fail(name);
  const x = { shape: get("x").shape, float32: () => get("x").float32() };
  for (const dtype of ["F16", "BF16"] as const) {
    const ours = readCheckpoint(encodeSafetensors([["x", x]], { dtype })).tensors.get("x");
    expect(ours?.bytes(), dtype).toEqual(get(dtype.toLowerCase()).bytes());
  }
  expect(bitsOf(get("f64").float32())).toEqual(bitsOf(get("f64 as f32").float32()));
});

test("shards written by Python are one checkpoint", () => {
  const index = golden("sharded.safetensors.index.json");
  const checkpoint = readSharded(index, (file) => {
    const bytes = golden(file);
    return { byteLength: bytes.length, bytes: (begin, end) => bytes.subarray(begin, end) };
  });
  expect([...checkpoint.tensors].map(([name, t]) => [name, [...t.float32()]])).toEqual([
    ["a", [1, 2]],
    ["b", [3]],
  ]);
  expect(checkpoint.metadata).toEqual({ format: "pt" });
});

const real = shared("hub/timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k/model.safetensors");
test.skipIf(!real)("a real checkpoint of 22 MB comes back byte for byte (needs ../shared)", () => {
  const bytes = readFileSync(real as string);
  const checkpoint = readCheckpoint(bytes);
  expect(checkpoint.tensors.get("blocks.0.attn.qkv.weight")?.shape).toEqual([576, 192]);
  expect(Buffer.compare(encodeSafetensors(checkpoint.tensors, checkpoint), bytes)).toBe(0);
});
