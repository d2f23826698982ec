import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Checkpoint, readCheckpoint, readSharded } from "@vitrail/checkpoint";
import { parseConfig, type WeightsConfig } from "./config.ts";
import { HubError } from "./errors.ts";
import { fileError, openFile } from "./file-storage.ts";
import { findCheckpoint, isFile, statOf } from "./folder.ts";
import { nearestNames } from "./nearest.ts";
import { type OpenOptions, toWeights, type Weights, type WeightsSource } from "./weights.ts";

/**
 * Opens weights: a folder (`config.json` and one checkpoint), a checkpoint file, the index of a sharded one, as path
 * or file URL, or the parts one by one. Only headers are read; a tensor's bytes are read when it is used.
 *
 * @throws HubError where nothing is found, or more than one thing; CheckpointError where the bytes are no sound checkpoint
 */
export async function openWeights(source: string | URL | WeightsSource, options: OpenOptions = {}): Promise<Weights> {
  options.signal?.throwIfAborted();
  if (typeof source === "object" && !(source instanceof URL)) return openParts(source);
  const path = toPath(source);
  const id = String(source);
  const stat = statOf(path);
  if (stat === undefined) throw notFound(path, id);
  const file = stat.isDirectory() ? findCheckpoint(path) : path;
  const configFile = join(path, "config.json");
  const config = stat.isDirectory() && isFile(configFile) ? readConfig(configFile) : undefined;
  const { checkpoint, files } = openCheckpoint(file);
  return toWeights(id, config, checkpoint, files);
}

function openParts(source: WeightsSource): Weights {
  const { model, config } = source;
  let parsed: WeightsConfig | undefined;
  if (typeof config === "string" || config instanceof URL) parsed = readConfig(toPath(config));
  else if (config !== undefined) parsed = parseConfig(config);
  if (ArrayBuffer.isView(model)) {
    return toWeights(source.id ?? "weights in memory", parsed, readCheckpoint(model), []);
  }
  const path = toPath(model);
  if (statOf(path) === undefined) throw notFound(path, String(model));
  const { checkpoint, files } = openCheckpoint(path);
  return toWeights(source.id ?? String(model), parsed, checkpoint, files);
}

function openCheckpoint(path: string): { checkpoint: Checkpoint; files: string[] } {
  const files = [path];
  if (/\.index\.json$/i.test(path)) {
    const open = (shard: string) => {
      const file = join(dirname(path), shard);
      const storage = isFile(file) ? openFile(file) : undefined;
      if (storage) files.push(file);
      return storage;
    };
    return { checkpoint: readSharded(read(path), open, { name: path }), files };
  }
  const storage = openFile(path);
  try {
    return { checkpoint: readCheckpoint(storage, { name: path }), files };
  } catch (error) {
    storage.close();
    throw error;
  }
}

function readConfig(path: string): WeightsConfig {
  return parseConfig(read(path), { name: path });
}

function read(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw fileError(error, path);
  }
}

/** A path as it is, never decoded: `#%20` in it is part of a name. A file URL is decoded. */
function toPath(source: string | URL): string {
  if (source instanceof URL || /^file:/i.test(source)) {
    const url = new URL(source);
    if (url.protocol === "file:") return fileURLToPath(url);
  } else if (!/^https?:/i.test(source)) {
    if (source === "") throw new HubError("not-found", "the path of the weights is empty");
    return source;
  }
  throw new HubError(
    "unsupported-source",
    `${source} is on the network, and in Node this version opens files and folders only; download it and give its path`,
  );
}

function notFound(path: string, id: string): HubError {
  // The first part of the path that is not there, and the names beside it.
  let missing = path;
  while (dirname(missing) !== missing && !statOf(dirname(missing))?.isDirectory()) {
    missing = dirname(missing);
  }
  let beside: string[] = [];
  try {
    beside = readdirSync(dirname(missing));
  } catch {
    // The folder can't be listed: no names to offer.
  }
  const near = nearestNames(basename(missing), beside).map((n) => join(dirname(missing), n));
  const hint =
    near.length > 0
      ? `did you mean ${near.map((n) => JSON.stringify(n)).join(" or ")}?`
      : "give a weights folder or a checkpoint file (names on the hub are not fetched by this version)";
  return new HubError("not-found", `there is no file or folder ${JSON.stringify(id)}; ${hint}`);
}
