import fc from "fast-check";
import { expect, test } from "vitest";
import { type DType, encodeSafetensors, memoryStorage, readCheckpoint, sliceStorage, viewTensor } from "./index.ts";
import { swappedStorage } from "./storage.ts";

const floats = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);

test("strides say where elements are: a transposed and a spread view come out in row-major order", () => {
  const storage = memoryStorage(floats(9, 0, 1, 2, 3, 4, 5));
  const transposed = viewTensor({ dtype: "F32", shape: [3, 2], strides: [1, 3], offset: 1, storage });
  expect([...transposed.float32()]).toEqual([0, 3, 1, 4, 2, 5]);
  const spread = viewTensor({ dtype: "F32", shape: [2, 3], strides: [0, 2], offset: 1, storage });
  expect([...spread.float32()]).toEqual([0, 2, 4, 0, 2, 4]);
  const column = viewTensor({ dtype: "F32", shape: [3, 1], strides: [1, 17], offset: 4, storage });
  expect([...column.float32()]).toEqual([3, 4, 5]); // the stride of an axis of one is not used
});

test("any view of any strides equals the same one computed element by element", () => {
  const data = Float32Array.from({ length: 300 }, (_, i) => i);
  const storage = memoryStorage(new Uint8Array(data.buffer));
  const axis = fc.tuple(fc.nat(4), fc.nat(15));
  fc.assert(
    fc.property(fc.array(axis, { maxLength: 4 }), fc.nat(20), (axes, offset) => {
      const shape = axes.map(([d]) => d);
      const strides = axes.map(([, s]) => s);
      let expected = [offset];
      for (const [d, s] of axes) {
        expected = expected.flatMap((base) => Array.from({ length: d }, (_, i) => base + i * s));
      }
      const view = viewTensor({ dtype: "F32", shape, strides, offset, storage });
      expect([...view.float32()]).toEqual(expected);
    }),
  );
});

test("a view that leaves its storage, or has impossible sizes, is refused when it is made", () => {
  const storage = memoryStorage(new Uint8Array(16));
  const make =
    (shape: number[], strides?: number[], offset = 0) =>
    () =>
      viewTensor({ dtype: "F32", shape, storage, offset, name: "w", ...(strides && { strides }) });
  expect(make([4])).not.toThrow();
  expect(make([0], [1], 1000)).not.toThrow(); // nothing of it is ever read
  for (const bad of [make([5]), make([4], [2]), make([2], [1], 3), make([-1]), make([1.5]), make([2 ** 40, 2 ** 40])]) {
    expect(bad).toThrow(expect.objectContaining({ code: "bad-tensor", message: expect.stringContaining('"w"') }));
  }
  expect(make([2], [-1], 1)).toThrow(expect.objectContaining({ code: "bad-tensor" }));
  expect(make([2, 2], [1])).toThrow(expect.objectContaining({ code: "bad-tensor" }));
});

test("two tensors that share a storage are both written, and both there after a reload", () => {
  const storage = memoryStorage(floats(1, 2, 3, 4));
  const tied = viewTensor({ dtype: "F32", shape: [2, 2], storage });
  const written = encodeSafetensors([
    ["a.weight", tied],
    ["b.weight", viewTensor({ dtype: "F32", shape: [2, 2], strides: [1, 2], storage })],
  ]);
  const { tensors } = readCheckpoint(written);
  expect([...(tensors.get("a.weight")?.float32() ?? [])]).toEqual([1, 2, 3, 4]);
  expect([...(tensors.get("b.weight")?.float32() ?? [])]).toEqual([1, 3, 2, 4]);
});

test("types that have no fp32 form are read as bytes, survive a save, and name themselves when values are asked for", () => {
  const raw: [DType, number][] = [
    ["F8_E4M3", 1],
    ["F8_E5M2", 1],
    ["F8_E8M0", 1],
    ["C64", 8],
    ["F4", 1],
  ];
  const file = encodeSafetensors(
    raw.map(([dtype, width]) => [
      dtype,
      { dtype, shape: dtype === "F4" ? [6] : [3], bytes: new Uint8Array(3 * width).fill(7) },
    ]),
  );
  const { tensors } = readCheckpoint(file, { name: "x.safetensors" });
  for (const [dtype, width] of raw) {
    const tensor = tensors.get(dtype);
    expect(tensor?.bytes()).toEqual(new Uint8Array(3 * width).fill(7));
    expect(() => tensor?.float32()).toThrow(
      expect.objectContaining({
        code: "unsupported-dtype",
        message: expect.stringMatching(`^x.safetensors: .*${dtype}`),
      }),
    );
  }
  expect(encodeSafetensors(tensors)).toEqual(file);
});

test("a storage refuses a range outside of it", () => {
  const storage = sliceStorage(memoryStorage(Uint8Array.of(1, 2, 3, 4)), 1, 3);
  expect([...storage.bytes(0, 2)]).toEqual([2, 3]);
  for (const [begin, end] of [
    [0, 3],
    [-1, 1],
    [2, 1],
    [0.5, 1],
    [0, Number.NaN],
  ] as const) {
    expect(() => storage.bytes(begin, end)).toThrow(expect.objectContaining({ code: "read-failed" }));
  }
  expect(() => sliceStorage(storage, 0, 3)).toThrow(expect.objectContaining({ code: "read-failed" }));
});

test("64-bit integers are rounded once: beyond 2^53 too, to the nearest fp32", () => {
  const half = 2n ** 36n; // of the distance between fp32 values from 2^60 to 2^61
  const values = [
    2n ** 60n + half,
    2n ** 60n + half + 1n,
    2n ** 60n + half - 1n,
    2n ** 60n + 3n * half,
    2n ** 53n + 1n,
  ];
  const signed = [...values, ...values.map((v) => -v), 2n ** 63n - 1n, -(2n ** 63n)];
  const up = 2 ** 60 + 2 ** 37;
  const expected = [2 ** 60, up, 2 ** 60, 2 ** 60 + 2 ** 38, 2 ** 53];
  const read = (dtype: DType, list: BigInt64Array | BigUint64Array) =>
    viewTensor({ dtype, shape: [list.length], storage: memoryStorage(new Uint8Array(list.buffer)) }).float32();
  const floats = [...read("I64", BigInt64Array.from(signed))];
  expect(floats).toEqual([...expected, ...expected.map((v) => -v), 2 ** 63, -(2 ** 63)]);
  expect([...read("U64", BigUint64Array.from([...values, 2n ** 64n - 1n]))]).toEqual([...expected, 2 ** 64]);
});

test("a storage may give Buffers, at any address", () => {
  const values = Float32Array.of(1.5, -2, 3, 4);
  const odd = Buffer.concat([Buffer.from([0]), Buffer.from(values.buffer)]);
  const storage = { byteLength: 16, bytes: (begin: number, end: number) => odd.subarray(1 + begin, 1 + end) };
  expect([...viewTensor({ dtype: "F32", shape: [4], storage }).float32()]).toEqual([...values]);
  const turned = viewTensor({ dtype: "F32", shape: [2, 2], strides: [1, 2], storage });
  expect([...turned.float32()]).toEqual([1.5, 3, -2, 4]);
  expect([...swappedStorage(storage, 4).bytes(0, 4)]).toEqual([0x3f, 0xc0, 0, 0]);
  expect(odd[1]).toBe(0); // not turned round in place
});
