import type { Checkpoint } from "./checkpoint.ts";
import { CheckpointError } from "./errors.ts";
import { explainOtherFormat } from "./recognise.ts";
import { readSafetensors } from "./safetensors.ts";
import { memoryStorage, readBytes, type Storage } from "./storage.ts";

/**
 * Opens a checkpoint: the format is recognised from the bytes, never from the name. Only the header is read; each
 * tensor's bytes are read when it is used. Read this way: safetensors.
 *
 * @param source the file's bytes, or a storage that reads them when they are asked for
 * @param options `name`: what to call the file in messages
 * @throws CheckpointError for anything that is not a sound checkpoint, saying what it is instead where that is known
 */
export function readCheckpoint(
  source: Uint8Array | ArrayBuffer | Storage,
  options: { readonly name?: string | undefined } = {},
): Checkpoint {
  const { name } = options;
  const storage = toStorage(source);
  if (storage.byteLength === 0)
    throw new CheckpointError("empty-file", "the file is empty, expected a checkpoint", name);
  const head = readBytes(storage, 0, Math.min(storage.byteLength, 1024), name);
  // A header length under 2^32 and a brace: no other format that people have begins so.
  const safetensors = head.byteLength > 8 && head.subarray(4, 8).every((b) => b === 0) && head[8] === 0x7b;
  if (!safetensors) explainOtherFormat(head, storage.byteLength, name);
  return readSafetensors(storage, name);
}

function toStorage(source: Uint8Array | ArrayBuffer | Storage): Storage {
  if (ArrayBuffer.isView(source)) {
    return memoryStorage(new Uint8Array(source.buffer, source.byteOffset, source.byteLength));
  }
  return "bytes" in source ? source : memoryStorage(new Uint8Array(source));
}
