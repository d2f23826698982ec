import type { Checkpoint } from "./checkpoint.ts";
import { bitsOf, sizeOf } from "./dtype.ts";
import { CheckpointError, quote } from "./errors.ts";
import { type HeaderEntry, parseHeader } from "./header.ts";
import { readBytes, type Storage, sliceStorage } from "./storage.ts";
import { type CheckpointTensor, denseTensor } from "./tensor.ts";

/** The reference's limit on a header, in bytes. */
const MAX_HEADER = 100_000_000;

/**
 * Reads the header of a safetensors file: 8 bytes of little-endian length, that much JSON, then the data.
 * As strict as the reference, and stricter on duplicate names: tensors cover the data without overlap and holes.
 * https://github.com/huggingface/safetensors#format
 */
export function readSafetensors(file: Storage, name?: string): Checkpoint {
  if (file.byteLength < 8) {
    throw new CheckpointError(
      "truncated",
      `the file has ${file.byteLength} bytes, a safetensors file at least 8`,
      name,
    );
  }
  const head = readBytes(file, 0, 8, name);
  const view = new DataView(head.buffer, head.byteOffset, 8);
  const length = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
  if (length > MAX_HEADER) {
    throw new CheckpointError(
      "header-too-large",
      `the safetensors header would have ${length} bytes, the limit is ${MAX_HEADER}: this is no safetensors file or a damaged one`,
      name,
    );
  }
  const start = 8 + length;
  if (start > file.byteLength) {
    throw new CheckpointError(
      "truncated",
      `the safetensors header has ${length} bytes, the file only ${file.byteLength}: it is cut or damaged, get it again`,
      name,
    );
  }
  const { entries, metadata } = parseHeader(decodeUtf8(readBytes(file, 8, start, name), name), name);
  for (const entry of entries) checkSize(entry, name);
  checkLayout(entries, file.byteLength - start, name);
  const tensors = new Map<string, CheckpointTensor>();
  for (const entry of entries) {
    const storage = sliceStorage(file, start + entry.begin, start + entry.end);
    tensors.set(entry.name, denseTensor(entry.dtype, entry.shape, storage, entry.name, name));
  }
  return {
    tensors,
    metadata,
    format: "safetensors",
    notes: [],
    refused: new Map(),
    globals: [],
    close: () => file.close?.(),
  };
}

function decodeUtf8(bytes: Uint8Array, file: string | undefined): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new CheckpointError("bad-header", "the safetensors header is not UTF-8: the file is damaged", file);
  }
}

function checkSize({ name, dtype, shape, begin, end }: HeaderEntry, file: string | undefined): void {
  const size = sizeOf(shape);
  const bits = size === undefined ? Number.POSITIVE_INFINITY : size * bitsOf(dtype);
  if (end - begin !== bits / 8) {
    throw new CheckpointError(
      "bad-tensor",
      `tensor ${quote(name)} of ${dtype} [${shape}] takes ${bits / 8} bytes, its data_offsets [${begin}, ${end}] give it ${end - begin}`,
      file,
    );
  }
}

/** Every byte of the data belongs to exactly one tensor. */
function checkLayout(entries: readonly HeaderEntry[], dataLength: number, file: string | undefined): void {
  const sorted = [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end);
  let end = 0;
  let before = "the header";
  for (const entry of sorted) {
    const name = `tensor ${quote(entry.name)}`;
    if (entry.begin < end) {
      throw new CheckpointError(
        "bad-layout",
        `${name} begins at byte ${entry.begin}, inside ${before}, which ends at ${end}`,
        file,
      );
    }
    if (entry.begin > end) {
      throw new CheckpointError(
        "bad-layout",
        `the bytes ${end} to ${entry.begin} between ${before} and ${name} belong to no tensor`,
        file,
      );
    }
    end = entry.end;
    before = name;
  }
  if (end > dataLength) {
    throw new CheckpointError(
      "truncated",
      `the header promises ${end} bytes of tensors, the file has ${dataLength}: it is cut (${before} is the last), get it again`,
      file,
    );
  }
  if (end < dataLength) {
    throw new CheckpointError(
      "bad-layout",
      `the file has ${dataLength - end} bytes after its last tensor that belong to none`,
      file,
    );
  }
}
