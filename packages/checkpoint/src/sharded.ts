import type { Checkpoint } from "./checkpoint.ts";
import { duplicateKey } from "./duplicate-key.ts";
import { CheckpointError, quote } from "./errors.ts";
import { readCheckpoint } from "./read.ts";
import type { Storage } from "./storage.ts";
import type { CheckpointTensor } from "./tensor.ts";

/** The index of a sharded checkpoint (`model.safetensors.index.json`): which file holds which tensor. */
export interface ShardIndex {
  /** Names to files, in the index's order. */
  readonly weightMap: ReadonlyMap<string, string>;
  /** The files, each once. Relative, with `/`, never outside the index's folder. */
  readonly files: readonly string[];
}

/**
 * Parses an index, and refuses one that names a path outside its folder.
 *
 * @throws CheckpointError ("bad-index")
 */
export function parseShardIndex(
  index: string | Uint8Array | object,
  options: { readonly name?: string | undefined } = {},
): ShardIndex {
  const fail = (why: string): never => {
    throw new CheckpointError("bad-index", why, options.name);
  };
  let json: unknown = index;
  if (typeof index === "string" || ArrayBuffer.isView(index)) {
    const text = (typeof index === "string" ? index : new TextDecoder().decode(index as Uint8Array)).replace(
      /^\uFEFF/,
      "",
    );
    try {
      json = JSON.parse(text);
    } catch {
      fail("the index of a sharded checkpoint is no JSON");
    }
    const twice = duplicateKey(text);
    if (twice !== undefined) fail(`the index of a sharded checkpoint has the key ${quote(twice)} twice`);
  }
  const map = (json as { weight_map?: unknown } | null)?.weight_map;
  if (typeof map !== "object" || map === null || Array.isArray(map)) {
    return fail('the index of a sharded checkpoint has no "weight_map" of names to files');
  }
  const weightMap = new Map<string, string>();
  for (const [name, file] of Object.entries(map)) {
    if (typeof file !== "string") fail(`the index gives no file for tensor ${quote(name)}`);
    if (!staysInside(file as string)) {
      fail(
        `the index names the file ${quote(file as string)} for tensor ${quote(name)}, which is no plain path inside its folder`,
      );
    }
    weightMap.set(name, file as string);
  }
  if (weightMap.size === 0) fail("the index of a sharded checkpoint names no tensors");
  return { weightMap, files: [...new Set(weightMap.values())] };
}

/** A relative path of ordinary names. Backslashes and colons mean something on Windows, so nowhere are they let in. */
function staysInside(path: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: no control characters in paths
  return !/[\\:\x00-\x1f]/.test(path) && path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

/**
 * Opens a sharded checkpoint. The header of every shard is read; names that the index misses in a shard are an error,
 * and so is a shard that is not there. A tensor that a shard holds beyond the index is kept.
 *
 * @param index the content of the index file
 * @param open opens a shard, by the name that the index gives; throws or returns undefined where there is none
 * @throws CheckpointError
 */
export function readSharded(
  index: string | Uint8Array | object,
  open: (file: string) => Storage | undefined,
  options: { readonly name?: string | undefined } = {},
): Checkpoint {
  const { weightMap, files } = parseShardIndex(index, options);
  const shards = new Map<string, Checkpoint>();
  const close = (): void => {
    for (const shard of shards.values()) shard.close();
  };
  try {
    const missing: string[] = [];
    let cause: unknown;
    for (const file of files) {
      let storage: Storage | undefined;
      try {
        storage = open(file);
      } catch (error) {
        cause ??= error;
      }
      if (storage === undefined) missing.push(file);
      else shards.set(file, readShard(storage, file));
    }
    if (missing.length > 0) {
      const list = missing.slice(0, 5).map(quote).join(", ") + (missing.length > 5 ? ", ..." : "");
      throw new CheckpointError(
        "missing-shard",
        `${missing.length} of the ${files.length} files of this sharded checkpoint cannot be opened: ${list}; get them again`,
        options.name,
        cause,
      );
    }
    return {
      tensors: merge(weightMap, shards, options.name),
      metadata: mergeMetadata(shards),
      format: [...shards.values()][0]?.format ?? "safetensors",
      notes: [...new Set([...shards.values()].flatMap((s) => s.notes))],
      globals: [...new Set([...shards.values()].flatMap((s) => s.globals))],
      refused: new Map([...shards.values()].flatMap((s) => [...s.refused])),
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

function readShard(storage: Storage, file: string): Checkpoint {
  try {
    return readCheckpoint(storage, { name: file });
  } catch (error) {
    storage.close?.();
    throw error;
  }
}

function merge(
  weightMap: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, Checkpoint>,
  name: string | undefined,
): Map<string, CheckpointTensor> {
  const tensors = new Map<string, CheckpointTensor>();
  const missing: string[] = [];
  for (const [tensor, file] of weightMap) {
    const found = shards.get(file)?.tensors.get(tensor);
    if (found) tensors.set(tensor, found);
    else missing.push(`${quote(tensor)} in ${quote(file)}`);
  }
  if (missing.length > 0) {
    const list = missing.slice(0, 5).join(", ") + (missing.length > 5 ? ", ..." : "");
    throw new CheckpointError(
      "bad-index",
      `the index promises ${missing.length} tensors that are not there: ${list}`,
      name,
    );
  }
  for (const shard of shards.values()) {
    for (const [tensor, value] of shard.tensors) if (!tensors.has(tensor)) tensors.set(tensor, value);
  }
  return tensors;
}

function mergeMetadata(shards: ReadonlyMap<string, Checkpoint>): Readonly<Record<string, string>> | undefined {
  const all = [...shards.values()].flatMap((s) => Object.entries(s.metadata ?? {}));
  return all.length === 0 ? undefined : Object.fromEntries(all);
}
