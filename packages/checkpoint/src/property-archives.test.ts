import fc from "fast-check";
import { zipSync } from "fflate";
import { expect, test } from "vitest";
import { duplicateKey, isCheckpointError, memoryStorage, readCheckpoint, toTimmNames } from "./index.ts";
import { dict, npy, storage, tensor, torchLegacy, torchZip } from "./testing/archives.ts";
import { readZip } from "./zip.ts";

const VALUES = Float32Array.from({ length: 64 }, (_, i) => i - 32);
const bytes = new Uint8Array(VALUES.buffer);

const views = fc
  .array(fc.tuple(fc.nat(4), fc.nat(7)), { maxLength: 4 })
  .chain((axes) => {
    const last = axes.reduce((sum, [d, s]) => sum + s * Math.max(0, d - 1), 0);
    return fc.record({ axes: fc.constant(axes), offset: fc.nat(Math.max(0, 63 - last)), last: fc.constant(last) });
  })
  .filter(({ offset, last }) => offset + last < 64);

/** What a view holds, by the definition. */
function naive(axes: readonly (readonly [number, number])[], offset: number): number[] {
  const [first, ...rest] = axes;
  if (first === undefined) return [VALUES[offset] as number];
  return Array.from({ length: first[0] }, (_, i) => naive(rest, offset + i * first[1])).flat();
}

test("a view of any strides and offset is what the definition says, in both files of torch", () => {
  fc.assert(
    fc.property(views, ({ axes, offset }) => {
      const [shape, strides] = [axes.map(([d]) => d), axes.map(([, s]) => s)];
      const value = dict({ w: tensor(storage("0", 64), shape, strides, offset) });
      for (const file of [torchZip(value, { "0": bytes }), torchLegacy(value, { "0": { numel: 64, bytes } })]) {
        const w = readCheckpoint(file).tensors.get("w");
        expect(w?.shape).toEqual(shape);
        expect([...(w?.float32() ?? [])]).toEqual(naive(axes, offset));
      }
    }),
    { numRuns: 300 },
  );
});

const arrays = fc.record({
  shape: fc.array(fc.nat(4), { maxLength: 4 }),
  fortran: fc.boolean(),
  big: fc.boolean(),
});

test("an array of any shape, order and byte order is read as numpy would", () => {
  fc.assert(
    fc.property(arrays, ({ shape, fortran, big }) => {
      const size = shape.reduce((a, b) => a * b, 1);
      const data = new DataView(new ArrayBuffer(4 * size));
      for (let i = 0; i < size; i++) data.setFloat32(4 * i, i, !big);
      const tuple = `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;
      const header = `{'descr': '${big ? ">" : "<"}f4', 'fortran_order': ${fortran ? "True" : "False"}, 'shape': ${tuple}, }`;
      const array = readCheckpoint(npy(header, new Uint8Array(data.buffer))).tensors.get("arr_0");
      const strides: number[] = [];
      let step = 1;
      for (const d of fortran ? shape : [...shape].reverse()) {
        strides.push(step);
        step *= d;
      }
      if (!fortran) strides.reverse();
      const index = (axes: readonly number[], at: number): number[] => {
        const [d, ...rest] = axes;
        if (d === undefined) return [at];
        const stride = strides[shape.length - axes.length] as number;
        return Array.from({ length: d }, (_, i) => index(rest, at + i * stride)).flat();
      };
      expect(array?.shape).toEqual(shape);
      expect([...(array?.float32() ?? [])]).toEqual(index(shape, 0));
    }),
  );
});

test("what was put into an archive comes out of it, packed or not", () => {
  const name = fc.stringMatching(/^[a-z][a-z/]{0,8}[a-z]$/).filter((n) => !n.includes("//"));
  const entries = fc.dictionary(name, fc.uint8Array({ maxLength: 300 }), { maxKeys: 6, noNullPrototype: true });
  fc.assert(
    fc.property(entries, fc.constantFrom(0 as const, 6 as const), (files, level) => {
      const found = readZip(memoryStorage(zipSync(files, { level })));
      expect([...found.keys()].sort()).toEqual(Object.keys(files).sort());
      for (const [path, entry] of found) {
        const opened = entry.open();
        expect(opened.bytes(0, opened.byteLength)).toEqual(files[path]);
        expect(entry.size).toBe(files[path]?.length);
      }
    }),
  );
});

const sound = [
  torchZip(dict({ w: tensor(storage("0", 64), [8, 8], [1, 8]), other: storage("0", 64) }), { "0": bytes }),
  torchZip(dict({ w: tensor(storage("0", 64), [8, 8], [8, 1]) }), { "0": bytes }, 9),
  torchLegacy(dict({ w: tensor(storage("0", 64), [64], [1]) }), { "0": { numel: 64, bytes } }),
  zipSync({ "w.npy": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (8, 8), }", bytes) }),
];

/** Reads all there is: sound, or an error of one line. */
function readAll(file: Uint8Array): boolean {
  try {
    for (const t of toTimmNames(readCheckpoint(file)).tensors.values()) t.bytes();
    return true;
  } catch (error) {
    expect(isCheckpointError(error), String((error as Error).stack)).toBe(true);
    expect((error as Error).message).not.toMatch(/\n/);
    return false;
  }
}

test("a file of torch or numpy that is cut anywhere is refused", () => {
  for (const file of sound) {
    expect(readAll(file)).toBe(true);
    for (let length = 0; length < file.length; length++)
      expect(readAll(file.subarray(0, length)), `${length}`).toBe(false);
  }
});

test("a file of torch or numpy with flipped bits is refused or sound", () => {
  const flips = fc.array(fc.tuple(fc.nat(), fc.nat(7)), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(fc.constantFrom(...sound), flips, (file, list) => {
      const bad = Uint8Array.from(file);
      for (const [at, bit] of list) bad[at % bad.length] = (bad[at % bad.length] as number) ^ (1 << bit);
      readAll(bad);
    }),
    { numRuns: 2000 },
  );
});

test("of any JSON text no key is twice, and of one with a key put in again that key is", () => {
  const value = fc.jsonValue({ maxDepth: 4 });
  fc.assert(
    fc.property(value, (json) => {
      expect(duplicateKey(JSON.stringify(json))).toBeUndefined();
      expect(duplicateKey(JSON.stringify(json, null, 2))).toBeUndefined();
    }),
  );
  fc.assert(
    fc.property(fc.string(), value, value, (key, a, b) => {
      const member = (v: unknown) => `${JSON.stringify(key)} : ${JSON.stringify(v)}`;
      expect(duplicateKey(`[1, {${member(a)},${member(b)}}]`)).toBe(key);
    }),
  );
});
