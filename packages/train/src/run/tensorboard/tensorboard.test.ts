import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { crc32c } from "./crc32c.ts";
import { encodeEvent, encodeVersion, type RunEvent, stepOf } from "./event.ts";
import { openEventFile } from "./event-file.ts";
import { frameRecord, readRecords } from "./record.ts";

const golden = new Uint8Array(readFileSync(new URL("../../__goldens__/events.tfevents", import.meta.url)));
const pixel = Uint8Array.from(
  Buffer.from(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c63f80f00010101006e5bbd350000000049454e44ae426082",
    "hex",
  ),
);
const at = (step: number) => ({ step, wallTime: 1700000000.25 + step });
const events: readonly RunEvent[] = [
  { ...at(1), scalars: { "loss/train": 2.25, lr: 1e-3 } },
  { ...at(300), scalars: { "loss/train": Number.POSITIVE_INFINITY, "top1/validation": 0.125 } },
  {
    ...at(2 ** 40),
    texts: { run: "**naïve**" },
    images: { "wrongest/0": { width: 1, height: 1, bytes: pixel } },
  },
];

test("CRC-32C has the values of RFC 3720", () => {
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
  expect(crc32c(new TextEncoder().encode("123456789"))).toBe(0xe3069283);
});

test("events equal those of TensorBoard's own writer, byte by byte (tooling/goldens/events.py)", () => {
  const records = [encodeVersion(1700000000.25), ...events.map(encodeEvent)].map(frameRecord);
  expect(Buffer.concat(records).equals(golden)).toBe(true);
  expect([...readRecords(golden)].map(({ content }) => stepOf(content))).toEqual([0, 1, 300, 2 ** 40]);
});

test("a value beyond float32 is infinite", () => {
  expect(encodeEvent({ ...at(1), scalars: { x: 1e39 } })).toEqual(
    encodeEvent({ ...at(1), scalars: { x: Number.POSITIVE_INFINITY } }),
  );
});

describe("openEventFile", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "vitrail-events-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const steps = (path: string) => [...readRecords(readFileSync(path))].map(({ content }) => stepOf(content));
  const begin = (name: string) => {
    const path = join(folder, `${name}.tfevents`);
    const file = openEventFile(path);
    for (const step of [10, 20, 30]) file.append({ step, scalars: { loss: 1 / step } });
    file.sync();
    file.close();
    return path;
  };
  const goOn = (path: string, step: number, options = {}) => {
    const file = openEventFile(path, options);
    file.append({ step, scalars: { loss: 0 } });
    file.close();
    return steps(path);
  };

  test("every event is in the file at once, after the version", () => {
    const path = begin("fresh");
    expect(steps(path)).toEqual([0, 10, 20, 30]);
    const all = readFileSync(path);
    expect([...readRecords(all)].at(-1)?.end).toBe(all.length);
  });

  test("goes on after the last event, and cuts off one that is torn, wherever it is", () => {
    expect(goOn(begin("on"), 40)).toEqual([0, 10, 20, 30, 40]);
    const whole = readFileSync(begin("torn"));
    const last = [...readRecords(whole)].at(-1)?.start as number;
    for (let length = last; length < whole.length; length += 7) {
      const path = join(folder, "cut.tfevents");
      writeFileSync(path, whole);
      truncateSync(path, length);
      expect(goOn(path, 40), `cut at ${length}`).toEqual([0, 10, 20, 40]);
    }
  });

  test("cuts off what comes after a step that is taken again, and what is damaged", () => {
    expect(goOn(begin("again"), 25, { lastStep: 20 })).toEqual([0, 10, 20, 25]);
    const path = begin("damaged");
    const bytes = readFileSync(path);
    const second = [...readRecords(bytes)][2]?.start as number;
    bytes[second + 14] = 0xff ^ (bytes[second + 14] as number);
    writeFileSync(path, bytes);
    expect(goOn(path, 40)).toEqual([0, 10, 40]);
  });

  test("begins again where a file holds none of it", () => {
    const path = join(folder, "empty.tfevents");
    for (const content of ["", "not events"]) {
      writeFileSync(path, content);
      expect(goOn(path, 1)).toEqual([0, 1]);
    }
    writeFileSync(path, frameRecord(Uint8Array.of(0xff, 0xff, 0xff)));
    expect(goOn(path, 1)).toEqual([0, 1]);
    const other = begin("tail");
    appendFileSync(other, "garbage");
    expect(goOn(other, 40)).toEqual([0, 10, 20, 30, 40]);
  });

  test("a file that cannot be written is an error that says so", () => {
    const path = join(folder, "absent", "x.tfevents");
    expect(() => openEventFile(path)).toThrow(expect.objectContaining({ code: "write-failed" }));
  });
});
