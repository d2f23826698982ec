import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Checkpoint, readCheckpoint, readSharded } from "@vitrail/checkpoint";
import { hasPreprocessor, PREPROCESSOR, parseConfig, type WeightsConfig } from "./config.ts";
import { hubSettings } from "./env.ts";
import { HubError } from "./errors.ts";
import { fileError, openFile } from "./file-storage.ts";
import { findCheckpoint, isFile, statOf } from "./folder.ts";
import { fetchUrl, fetchUrlFile } from "./from-url.ts";
import { type HubId, hubIdOfPage, isExplicit, parseHubId } from "./hub-id.ts";
import { nearestNames } from "./nearest.ts";
import { takeSnapshot } from "./snapshot.ts";
import { type OpenOptions, toWeights, type Weights, type WeightsInput, type WeightsSource } from "./weights.ts";
import { isPackageName, weightsPackage } from "./weights-package.ts";

/**
 * Opens weights: a name on the hub (`org/repo`, `org/repo@revision`, a timm name with its tag), a folder (`config.json`
 * and one checkpoint), a checkpoint file, the index of a sharded one, as path, file URL or address, an installed weights package
 * (`@vitrail/weights-cifar10`, or with `/MODEL` after it), an entry of a model's table, or the parts one by one. Only headers are read; a
 * tensor's bytes are read when it is used. What is on the network comes into a cache first: the hub's files into that of Python's
 * huggingface_hub.
 *
 * @throws HubError where nothing is found, or more than one thing; CheckpointError where the bytes are no sound checkpoint
 */
export async function openWeights(source: WeightsInput, options: OpenOptions = {}): Promise<Weights> {
  options.signal?.throwIfAborted();
  if (typeof source === "object" && !(source instanceof URL)) {
    return "hubId" in source ? openWeights(`hf-hub:${source.hubId}`, options) : openParts(source, options);
  }
  const id = String(source);
  const place = placeOf(source, options);
  if ("url" in place) {
    const { config, model } = await fetchUrl(place.url, options);
    return openFiles(id, model, config, options);
  }
  if ("repo" in place) {
    const { config, model } = await takeSnapshot(place, options).catch((error: unknown) => {
      throw localToo(error, id);
    });
    return openFiles(id.replace(/^hf-hub:/, ""), model, config, options);
  }
  const { path } = place;
  const stat = statOf(path);
  if (stat === undefined) throw notFound(path, id);
  const file = stat.isDirectory() ? findCheckpoint(path) : path;
  const configFile = join(path, "config.json");
  return openFiles(id, file, stat.isDirectory() && isFile(configFile) ? configFile : undefined, options);
}

function openFiles(id: string, model: string, configFile: string | undefined, options: OpenOptions): Weights {
  const config = configFile === undefined ? undefined : readConfig(configFile);
  const { checkpoint, files } = openCheckpoint(model, options);
  return toWeights(id, config, checkpoint, files);
}

async function openParts(source: WeightsSource, options: OpenOptions): Promise<Weights> {
  const { model, config, sha256 } = source;
  let parsed: WeightsConfig | undefined;
  if (typeof config === "string" || config instanceof URL) parsed = readConfig(await partPath(config, options));
  else if (config !== undefined) parsed = parseConfig(config);
  if (ArrayBuffer.isView(model)) {
    return toWeights(source.id ?? "weights in memory", parsed, readCheckpoint(model, { part: options.part }), []);
  }
  const path = await partPath(model, options, sha256);
  if (statOf(path) === undefined) throw notFound(path, String(model));
  const { checkpoint, files } = openCheckpoint(path, options);
  return toWeights(source.id ?? String(model), parsed, checkpoint, files);
}

/** A part's file; from an address, in the cache. */
async function partPath(part: string | URL, options: OpenOptions, sha256?: string): Promise<string> {
  const url = webUrl(part);
  if (url === undefined) return toPath(part);
  return fetchUrlFile(url, options, sha256);
}

function openCheckpoint(path: string, { part }: OpenOptions): { checkpoint: Checkpoint; files: string[] } {
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
    return { checkpoint: readCheckpoint(storage, { name: path, part }), files };
  } catch (error) {
    storage.close();
    throw error;
  }
}

function readConfig(path: string): WeightsConfig {
  const json = read(path);
  const beside = join(dirname(path), PREPROCESSOR);
  const preprocessor = hasPreprocessor(json) && isFile(beside) ? read(beside) : undefined;
  return parseConfig(json, { name: path, preprocessor });
}

function read(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw fileError(error, path);
  }
}

/** What a source means: an address, a path where something is or that can be nothing else, a weights package, or a name on the hub. */
function placeOf(source: string | URL, options: OpenOptions): { url: URL } | { path: string } | HubId {
  const url = webUrl(source);
  if (url) return hubIdOfPage(url, hubSettings(options).endpoint) ?? { url };
  if (typeof source === "string" && isPackageName(source) && statOf(source) === undefined) {
    try {
      return { path: weightsPackage(source, options.from) };
    } catch (error) {
      throw localToo(error, source);
    }
  }
  if (typeof source === "string" && !/^(file:|\.|\/|~|[a-z]:[\\/])/i.test(source)) {
    const id = parseHubId(source);
    if (id && (isExplicit(source) || statOf(source) === undefined)) return id;
  }
  return { path: toPath(source) };
}

function webUrl(source: string | URL): URL | undefined {
  if (!/^https?:/i.test(String(source))) return undefined;
  try {
    return new URL(source);
  } catch {
    throw new HubError("unsupported-source", `${JSON.stringify(String(source))} is no address; check it`);
  }
}

/** A path as it is, never decoded: `#%20` in it is part of a name. A file URL is decoded. */
function toPath(source: string | URL): string {
  if (source instanceof URL || /^file:/i.test(source)) {
    const url = new URL(source);
    if (url.protocol === "file:") return fileURLToPath(url);
    throw new HubError(
      "unsupported-source",
      `${source} is neither a file nor a web address; give a path, a file:, http: or https: address`,
    );
  }
  if (source === "") throw new HubError("not-found", "the path of the weights is empty");
  return source;
}

/** A name that is not on the hub, or of no installed package, may have been meant as a path. */
function localToo(error: unknown, id: string): unknown {
  const { code, message, cause } = error as HubError;
  if ((code !== "repo-not-found" && code !== "no-package") || isExplicit(id)) return error;
  return new HubError(code, `${message}; there is no file or folder of this name either`, cause);
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
      : "give a weights folder, a checkpoint file, an address, or a name on the hub (org/repo, or a timm name with its tag)";
  return new HubError("not-found", `there is no file or folder ${JSON.stringify(id)}; ${hint}`);
}
