import fc from "fast-check";
import { expect, test } from "vitest";
import { type DType, encodeSafetensors, isCheckpointError, readCheckpoint, type Storage } from "./index.ts";

const WIDTHS: [DType, number][] = [
  ["F64", 8],
  ["F32", 4],
  ["F16", 2],
  ["BF16", 2],
  ["I64", 8],
  ["I32", 4],
  ["I16", 2],
  ["I8", 1],
  ["U64", 8],
  ["U32", 4],
  ["U16", 2],
  ["U8", 1],
  ["BOOL", 1],
  ["F8_E4M3", 1],
];

const tensor = fc
  .tuple(fc.constantFrom(...WIDTHS), fc.array(fc.nat(4), { maxLength: 4 }))
  .chain(([[dtype, width], shape]) => {
    const length = shape.reduce((a, b) => a * b, 1) * width;
    return fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => ({ dtype, shape, bytes }));
  });
const name = fc.oneof(
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.constantFrom("__proto__", "constructor", "0", "1", "", "blocks.0.attn.qkv.weight"),
);
const checkpoint = fc.record({
  tensors: fc.uniqueArray(
    fc.tuple(
      name.filter((n) => n !== "__metadata__"),
      tensor,
    ),
    { selector: ([n]) => n, maxLength: 6 },
  ),
  metadata: fc.option(
    fc.dictionary(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), { maxKeys: 3, noNullPrototype: true }),
    {
      nil: undefined,
    },
  ),
});

test("what was encoded decodes to the same tensors, and encodes to the same bytes in any order", () => {
  fc.assert(
    fc.property(checkpoint, ({ tensors, metadata }) => {
      const file = encodeSafetensors(tensors, { metadata });
      const read = readCheckpoint(file);
      expect(read.metadata).toEqual(metadata);
      expect(read.tensors.size).toBe(tensors.length);
      for (const [key, { dtype, shape, bytes }] of tensors) {
        const got = read.tensors.get(key);
        expect(got).toMatchObject({ dtype, shape });
        expect(Buffer.compare(got?.bytes() ?? Buffer.of(), bytes)).toBe(0);
      }
      expect(Buffer.compare(encodeSafetensors([...read.tensors].reverse(), read), file)).toBe(0);
    }),
    { numRuns: 300 },
  );
});

/** Reads everything of a file that may be damaged: it is sound, or a CheckpointError, and reads no more than there is. */
function readAll(file: Uint8Array): boolean {
  let read = 0;
  const storage: Storage = {
    byteLength: file.length,
    bytes(begin, end) {
      expect(begin >= 0 && begin <= end && end <= file.length).toBe(true);
      read += end - begin;
      return file.subarray(begin, end);
    },
  };
  try {
    const { tensors } = readCheckpoint(storage);
    let total = 0;
    for (const t of tensors.values()) total += t.bytes().length;
    for (const t of tensors.values()) if (!/^(F8_|F6_|F4|C64)/.test(t.dtype)) t.float32();
    expect(total).toBeLessThanOrEqual(file.length);
    expect(read).toBeLessThanOrEqual(3 * file.length + 2048);
    return true;
  } catch (error) {
    if (!isCheckpointError(error)) throw error;
    expect(error.message).not.toContain("\n");
    return false;
  }
}

test("a file that is cut anywhere is refused", () => {
  fc.assert(
    fc.property(
      checkpoint,
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      ({ tensors, metadata }, part) => {
        const file = encodeSafetensors(tensors, { metadata });
        expect(readAll(file.slice(0, Math.floor(part * file.length)))).toBe(false);
      },
    ),
    { numRuns: 300 },
  );
});

test("a file with flipped bits is refused or reads as sound tensors of the file's own bytes", () => {
  fc.assert(
    fc.property(
      checkpoint,
      fc.array(fc.tuple(fc.nat(), fc.nat(7)), { minLength: 1, maxLength: 4 }),
      ({ tensors }, flips) => {
        const file = encodeSafetensors(tensors, {});
        for (const [place, bit] of flips) {
          const at = place % file.length;
          file[at] = (file[at] as number) ^ (1 << bit);
        }
        readAll(file);
      },
    ),
    { numRuns: 1000 },
  );
});

test("a header put together from the pieces of real ones never does harm", () => {
  const piece = fc.constantFrom(
    ...[
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"a"',
      '"b"',
      '"dtype"',
      '"U8"',
      '"shape"',
      '"data_offsets"',
      "0",
      "1",
      "-1",
      "1e9",
      "9".repeat(30),
    ],
    ...[
      '"__metadata__"',
      "null",
      '"\\u0061"',
      '"\\',
      " ",
      '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}',
      "\u0000",
      "é",
    ],
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), fc.nat(3), (pieces, data) => {
      const json = new TextEncoder().encode(`{${pieces.join("")}`);
      const file = new Uint8Array(8 + json.length + data);
      new DataView(file.buffer).setUint32(0, json.length, true);
      file.set(json, 8);
      readAll(file);
    }),
    { numRuns: 2000 },
  );
});

test("any bytes at all are refused or sound", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void readAll(bytes)),
    { numRuns: 1000 },
  );
});
