import { expect, test } from "vitest";
import { decodeBfloat16, decodeFloat16, encodeBfloat16, encodeFloat16 } from "./index.ts";

const all = Uint16Array.from({ length: 65_536 }, (_, i) => i);
const bitsOf = (values: Float32Array): Uint32Array => new Uint32Array(values.buffer, values.byteOffset, values.length);
/** Equality of 65,536 numbers, without a comparison of each by the test runner. */
const expectSame = (actual: Uint16Array, expected: Uint16Array): void => {
  const wrong = actual.findIndex((v, i) => v !== expected[i]);
  expect(actual.length).toBe(expected.length);
  expect(wrong, wrong < 0 ? "" : `${actual[wrong]} at ${wrong}, expected ${expected[wrong]}`).toBe(-1);
};
const next = (x: number, ulps: number): number => {
  const f = Float32Array.of(x);
  const bits = bitsOf(f);
  bits[0] = (bits[0] as number) + ulps;
  return f[0] as number;
};

test("every fp16 value decodes to sign * mantissa * 2^exponent, exactly", () => {
  const decoded = decodeFloat16(all);
  for (let h = 0; h < 65_536; h++) {
    const sign = h & 0x8000 ? -1 : 1;
    const exponent = (h >> 10) & 31;
    const mantissa = h & 0x3ff;
    let value = sign * (1024 + mantissa) * 2 ** (exponent - 25);
    if (exponent === 0) value = sign * mantissa * 2 ** -24;
    if (exponent === 31) value = mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    if (!Object.is(decoded[h], value)) expect(decoded[h], `half ${h.toString(16)}`).toBe(value);
  }
});

test("every fp16 and every bf16 value, NaN payloads too, survives fp32 and back", () => {
  expectSame(encodeFloat16(decodeFloat16(all)), all);
  expectSame(encodeBfloat16(decodeBfloat16(all)), all);
});

test("every bf16 value is the upper half of an fp32", () => {
  const bits = bitsOf(decodeBfloat16(all));
  expect(bits.every((b, i) => b === i * 65_536)).toBe(true);
});

/** Between each value and its neighbour: below the middle goes down, above goes up, the middle to the even one. */
function checkRounding(
  decode: (x: Uint16Array) => Float32Array,
  encode: (x: Float32Array) => Uint16Array,
  infinity: number,
  overflow: number,
): void {
  const values = decode(all);
  const middles = new Float32Array(infinity);
  for (let h = 0; h < infinity; h++) {
    const up = h + 1 === infinity ? overflow : (values[h + 1] as number);
    middles[h] = ((values[h] as number) + up) / 2; // exact: one bit more than either
  }
  const even = Uint16Array.from(middles, (_, h) => h + (h & 1));
  const down = Uint16Array.from(middles, (_, h) => h);
  const up = Uint16Array.from(middles, (_, h) => h + 1);
  for (const [sign, bit] of [
    [1, 0],
    [-1, 0x8000],
  ] as const) {
    const signed = (list: Uint16Array): Uint16Array => list.map((h) => h | bit);
    expectSame(encode(middles.map((m) => sign * m)), signed(even));
    expectSame(encode(middles.map((m) => sign * next(m, -1))), signed(down));
    expectSame(encode(middles.map((m) => sign * next(m, 1))), signed(up));
  }
}

test("fp32 rounds to the nearest fp16, ties to even, in every gap of the format", () => {
  checkRounding(decodeFloat16, encodeFloat16, 0x7c00, 65_536);
});

test("fp32 rounds to the nearest bf16, ties to even, in every gap of the format", () => {
  checkRounding(decodeBfloat16, encodeBfloat16, 0x7f80, 2 ** 128);
});

test("overflow becomes infinity, underflow zero, and a NaN whose payload is cut stays a NaN", () => {
  const values = Float32Array.of(65_519.996, 65_520, 1e30, -1e30, Number.POSITIVE_INFINITY, 2 ** -25, -1e-30);
  expect([...encodeFloat16(values)]).toEqual([0x7bff, 0x7c00, 0x7c00, 0xfc00, 0x7c00, 0, 0x8000]);
  const nan = new Float32Array(Uint32Array.of(0x7f800001, 0xffc00000).buffer);
  expect([...encodeFloat16(nan)]).toEqual([0x7c01, 0xfe00]);
  expect([...encodeBfloat16(nan)]).toEqual([0x7f81, 0xffc0]);
});

test("an array that does not start its buffer is read from where it starts", () => {
  expect([...encodeFloat16(Float32Array.of(9, 1, 2).subarray(1))]).toEqual([0x3c00, 0x4000]);
  expect([...decodeBfloat16(Uint16Array.of(9, 0x3f80).subarray(1))]).toEqual([1]);
});
