import { expect, test } from "vitest";
import { memoryStorage, type Storage } from "./index.ts";
import { join, patch, uint32 } from "./testing/archives.ts";
import { thrown } from "./testing/fixtures.ts";
import { readZip } from "./zip.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const uint16 = (n: number) => uint32(n).subarray(0, 2);
const uint64 = (n: number) => join([uint32(n >>> 0), uint32(Math.floor(n / 2 ** 32))]);
const FULL = uint32(0xffffffff);

/** An archive whose every size and place is in ZIP64 fields, as of a file over 4 GB; `shift` moves all places. */
function zip64(files: Readonly<Record<string, Uint8Array>>, shift = 0): Uint8Array {
  const [data, directory]: [Uint8Array[], Uint8Array[]] = [[], []];
  let offset = 0;
  for (const [name, bytes] of Object.entries(files)) {
    const sizes = join([uint16(1), uint16(16), uint64(bytes.length), uint64(bytes.length)]);
    const local = join([uint32(0x04034b50), new Uint8Array(14), FULL, FULL, uint16(name.length), uint16(20)]);
    const extra = join([
      uint16(0x7075), // another field before it
      uint16(3),
      new Uint8Array(3),
      uint16(1),
      uint16(24),
      uint64(bytes.length),
      uint64(bytes.length),
      uint64(offset + shift),
    ]);
    const central = join([
      uint32(0x02014b50),
      new Uint8Array(16),
      FULL,
      FULL,
      uint16(name.length),
      uint16(extra.length),
      new Uint8Array(10),
      FULL,
    ]);
    directory.push(central, utf8(name), extra);
    data.push(local, utf8(name), sizes, bytes);
    offset += 30 + name.length + 20 + bytes.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const count = Object.keys(files).length;
  const begin = offset + shift;
  const end64 = join([
    uint32(0x06064b50),
    uint64(44),
    new Uint8Array(12),
    uint64(count),
    uint64(count),
    uint64(size),
    uint64(begin),
  ]);
  const locator = join([uint32(0x07064b50), uint32(0), uint64(begin + size), uint32(1)]);
  const end = join([uint32(0x06054b50), new Uint8Array(4), uint16(0xffff), uint16(0xffff), FULL, FULL, uint16(0)]);
  return join([...data, ...directory, end64, locator, end]);
}

const files = { "a.npy": utf8("first"), "folder/b": utf8("second, and longer") };

test("sizes and places in ZIP64 fields are read", () => {
  const entries = readZip(memoryStorage(zip64(files)));
  expect([...entries].map(([name, entry]) => [name, entry.size])).toEqual([
    ["a.npy", 5],
    ["folder/b", 18],
  ]);
  const b = entries.get("folder/b")?.open();
  expect(new TextDecoder().decode(b?.bytes(0, b.byteLength))).toBe("second, and longer");
});

test("an archive of 6 GB is read where its entries lie, and only there", () => {
  const far = 6 * 2 ** 30;
  const bytes = zip64(files, far); // the archive, behind so many bytes that are not there
  const asked: number[] = [];
  const storage: Storage = {
    byteLength: far + bytes.length,
    bytes(begin, end) {
      asked.push(begin);
      const out = new Uint8Array(end - begin);
      out.set(bytes.subarray(Math.max(0, begin - far), end - far), Math.max(0, far - begin));
      return out;
    },
  };
  const a = readZip(storage).get("a.npy")?.open();
  expect(new TextDecoder().decode(a?.bytes(1, 4))).toBe("irs");
  expect(Math.min(...asked)).toBeGreaterThan(far - 70_000); // a comment could be so long
});

test.for([
  ["a ZIP64 record that is elsewhere", uint32(0x06064b50), 0, /ZIP64 record is not where/],
  ["a ZIP64 locator that leads out", uint32(0x07064b50), 12, /ZIP64 record lies at/],
  ["a ZIP64 field that is missing", join([uint16(1), uint16(24)]), 0, /ZIP64 record of "a\.npy" is missing/],
] as const)("%s is refused", ([, find, at, message]) => {
  const file = patch(zip64(files), find, (view, begin) => view.setUint8(begin + at, 0x7f));
  expect(thrown(() => readZip(memoryStorage(file)))).toMatchObject({
    code: "bad-archive",
    message: expect.stringMatching(message),
  });
});
