/**
 * TFRecord framing, https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details: length (u64), its
 * checksum, the bytes, theirs; little-endian.
 */
import { maskedCrc32c } from "./crc32c.ts";

const HEADER = 12;
const FOOTER = 4;

export function frameRecord(content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER + content.length + FOOTER);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, content.length, true); // below 4 GiB: the upper half of the length is 0
  view.setUint32(8, maskedCrc32c(bytes.subarray(0, 8)), true);
  bytes.set(content, HEADER);
  view.setUint32(HEADER + content.length, maskedCrc32c(content), true);
  return bytes;
}

/** A whole record of a file. */
export interface FoundRecord {
  /** Where it begins, and where the next one does. */
  readonly start: number;
  readonly end: number;
  readonly content: Uint8Array;
}

/** The records of a file, up to its end or to the first one that is torn or damaged. */
export function* readRecords(file: Uint8Array): Generator<FoundRecord, void, undefined> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let start = 0; start + HEADER + FOOTER <= file.length; ) {
    const length = view.getUint32(start, true) + view.getUint32(start + 4, true) * 2 ** 32;
    if (view.getUint32(start + 8, true) !== maskedCrc32c(file.subarray(start, start + 8))) return;
    const end = start + HEADER + length + FOOTER;
    if (end > file.length) return;
    const content = file.subarray(start + HEADER, end - FOOTER);
    if (view.getUint32(end - FOOTER, true) !== maskedCrc32c(content)) return;
    yield { start, end, content };
    start = end;
  }
}
