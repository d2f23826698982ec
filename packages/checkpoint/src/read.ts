import type { Checkpoint } from "./checkpoint.ts";
import { CheckpointError } from "./errors.ts";
import { isNpy, readNpy, readNpz } from "./npy.ts";
import { explainOtherFormat } from "./recognise.ts";
import { readSafetensors } from "./safetensors.ts";
import { memoryStorage, readBytes, type Storage } from "./storage.ts";
import { isTorchLegacy, readTorchLegacy, readTorchZip, torchRecord } from "./torch.ts";
import { readZip } from "./zip.ts";

/** How a checkpoint is read. */
export interface ReadOptions {
  /** What to call the file in messages. */
  readonly name?: string | undefined;
  /**
   * Which part of a torch file to take, e.g. `"state_dict"`. Unless given, the first that is there of `state_dict_ema`,
   * `model_ema`, `state_dict` and `model`, as timm does, else all of the file. Other formats have no parts.
   */
  readonly part?: string | undefined;
}

/**
 * Opens a checkpoint: the format is recognised from the bytes, never from the name. Only headers (and pickles) are read;
 * each tensor's bytes are read when it is used. Read this way: safetensors, torch's zip and legacy files, npz and npy.
 * Nothing that a pickle names is imported or called.
 *
 * @param source the file's bytes, or a storage that reads them when they are asked for
 * @throws CheckpointError for anything that is not a sound checkpoint, saying what it is instead where that is known
 */
export function readCheckpoint(source: Uint8Array | ArrayBuffer | Storage, options: ReadOptions = {}): Checkpoint {
  const { name, part } = options;
  const storage = toStorage(source);
  if (storage.byteLength === 0)
    throw new CheckpointError("empty-file", "the file is empty, expected a checkpoint", name);
  const head = readBytes(storage, 0, Math.min(storage.byteLength, 1024), name);
  // A header length under 2^32 and a brace: no other format that people have begins so.
  const safetensors = head.byteLength > 8 && head.subarray(4, 8).every((b) => b === 0) && head[8] === 0x7b;
  if (safetensors) return readSafetensors(storage, name);
  if (isTorchLegacy(head)) return readTorchLegacy(storage, { name, part });
  if (isNpy(head)) return readNpy(storage, name);
  if (head[0] === 0x50 && head[1] === 0x4b && (head[2] === 3 || head[2] === 5)) {
    const entries = readZip(storage, name);
    const record = torchRecord(entries);
    if (record) return readTorchZip(storage, entries, record, { name, part });
    if ([...entries.keys()].some((path) => path.endsWith(".npy"))) return readNpz(storage, entries, name);
  }
  return explainOtherFormat(head, storage.byteLength, name);
}

function toStorage(source: Uint8Array | ArrayBuffer | Storage): Storage {
  if (ArrayBuffer.isView(source)) {
    return memoryStorage(new Uint8Array(source.buffer, source.byteOffset, source.byteLength));
  }
  return "bytes" in source ? source : memoryStorage(new Uint8Array(source));
}
