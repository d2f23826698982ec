import { type Checkpoint, memoryStorage, parseShardIndex, readCheckpoint, readSharded } from "@vitrail/checkpoint";
import { cachedBytes, keepBytes } from "./browser-cache.ts";
import { fetchBytes } from "./browser-fetch.ts";
import { fetchRepo, HUGGING_FACE } from "./browser-hub.ts";
import { hasPreprocessor, PREPROCESSOR, parseConfig, type WeightsConfig } from "./config.ts";
import { HubError } from "./errors.ts";
import { type HubId, hubIdOfPage, parseHubId } from "./hub-id.ts";
import { type OpenOptions, toWeights, type Weights, type WeightsInput, type WeightsSource } from "./weights.ts";

/**
 * Opens weights by `fetch`: a name on the hub, which Cache Storage keeps, the base URL of a folder (with `model.safetensors` or its
 * index, and `config.json`), the URL of a checkpoint file, or the parts one by one, as URLs or bytes. The checkpoint is held in memory,
 * once. A relative address begins with `./` or `/`, or ends in a slash or in a file's name: `org/repo` is a name on the hub.
 *
 * @throws HubError where an address gives nothing or a web page; CheckpointError where the bytes are no sound checkpoint
 */
export async function openWeights(source: WeightsInput, options: OpenOptions = {}): Promise<Weights> {
  options.signal?.throwIfAborted();
  if (typeof source === "object" && !(source instanceof URL)) {
    return "hubId" in source ? openWeights(`hf-hub:${source.hubId}`, options) : openParts(source, options);
  }
  const id = String(source);
  const repo = hubIdIn(source, options);
  if (repo) return openRepo(id.replace(/^hf-hub:/, ""), repo, options);
  const url = toUrl(source);
  const sha256 = /^#sha256=(.*)$/i.exec(url.hash)?.[1];
  if (sha256 !== undefined) {
    url.hash = "";
    return openParts({ model: url, sha256, id }, options);
  }
  if (/\.(safetensors|pth|pt|bin|th|npz|npy|pth\.tar)$/i.test(url.pathname)) {
    return toWeights(id, undefined, await fetchCheckpoint(url, options), [url.href]);
  }
  if (/\.safetensors\.index\.json$/i.test(url.pathname)) return openSharded(id, url, undefined, options);
  const base = new URL(url);
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  const configUrl = new URL("config.json", base);
  const bytes = await fetchBytes(configUrl, options);
  const preprocessor =
    bytes && hasPreprocessor(bytes) ? await fetchBytes(new URL(PREPROCESSOR, base), options) : undefined;
  const config = bytes && parseConfig(bytes, { name: configUrl.href, preprocessor });
  const modelUrl = new URL("model.safetensors", base);
  const model = await fetchBytes(modelUrl, options, { progress: true });
  if (model) return toWeights(id, config, readCheckpoint(model, { name: modelUrl.href }), [modelUrl.href]);
  return openSharded(id, new URL("model.safetensors.index.json", base), config, options);
}

async function openParts(source: WeightsSource, options: OpenOptions): Promise<Weights> {
  const { model, config } = source;
  let parsed: WeightsConfig | undefined;
  if (typeof config === "string" || config instanceof URL) {
    const url = toUrl(config);
    parsed = parseConfig(await required(url, options), { name: url.href });
  } else if (config !== undefined) parsed = parseConfig(config);
  if (ArrayBuffer.isView(model)) {
    return toWeights(source.id ?? "weights in memory", parsed, readCheckpoint(model, { part: options.part }), []);
  }
  const url = toUrl(model);
  const id = source.id ?? String(model);
  if (/\.index\.json$/i.test(url.pathname)) return openSharded(id, url, parsed, options);
  return toWeights(id, parsed, await fetchCheckpoint(url, options, source.sha256), [url.href]);
}

/** A name on the hub, or the address of a repository's page. */
function hubIdIn(source: string | URL, { endpoint = HUGGING_FACE }: OpenOptions): HubId | undefined {
  const text = String(source);
  if (/^https?:/i.test(text)) return hubIdOfPage(toUrl(source), endpoint);
  if (/^@[^/]+\/[^/]+(\/[^/]+)?$/.test(text) && !/\.(safetensors|json|pth|pt|bin|th|npz|npy)$/i.test(text)) {
    throw new HubError(
      "unsupported-source",
      `${text} is an npm package, which a page cannot look into: give { config, model }, the addresses that a bundler has for ${text}/config.json and ${text}/model.safetensors`,
    );
  }
  return /^\.|^\/|\/$/.test(text) ? undefined : parseHubId(text);
}

async function openRepo(id: string, repo: HubId, options: OpenOptions): Promise<Weights> {
  const { config, preprocessor, model, files, address } = await fetchRepo(repo, options);
  const parsed = config && parseConfig(config, { name: address("config.json"), preprocessor });
  const bytes = files.get(model) as Uint8Array;
  const name = address(model);
  const open = (file: string) => {
    const shard = files.get(file);
    return shard && memoryStorage(shard);
  };
  const checkpoint = /\.index\.json$/i.test(model)
    ? readSharded(bytes, open, { name })
    : readCheckpoint(bytes, { name, part: options.part });
  const opened = [...files.keys()].filter((path) => !/^(preprocessor_)?config\.json$/.test(path)).map(address);
  return toWeights(id, parsed, checkpoint, opened);
}

async function openSharded(
  id: string,
  url: URL,
  config: WeightsConfig | undefined,
  options: OpenOptions,
): Promise<Weights> {
  const json = await fetchBytes(url, options);
  if (json === undefined) {
    const folder = new URL(".", url).href;
    throw new HubError(
      "not-found",
      `there is neither model.safetensors nor its index under ${folder}; check the address`,
    );
  }
  const shards = new Map<string, Uint8Array>();
  const files = [url.href];
  for (const file of parseShardIndex(json, { name: url.href }).files) {
    const shard = new URL(file.split("/").map(encodeURIComponent).join("/"), url);
    const bytes = await fetchBytes(shard, options, { progress: true });
    if (bytes === undefined) continue; // readSharded lists what is missing
    shards.set(file, bytes);
    files.push(shard.href);
  }
  const open = (file: string) => {
    const bytes = shards.get(file);
    return bytes && memoryStorage(bytes);
  };
  return toWeights(id, config, readSharded(json, open, { name: url.href }), files);
}

async function fetchCheckpoint(url: URL, options: OpenOptions, sha256?: string): Promise<Checkpoint> {
  const bytes = sha256 === undefined ? await required(url, options, true) : await pinned(url, options, sha256);
  return readCheckpoint(bytes, { name: url.href, part: options.part });
}

/** Bytes that are known by their hash: fetched once and kept. */
async function pinned(url: URL, options: OpenOptions, sha256: string): Promise<Uint8Array> {
  const hash = sha256.toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(hash)) {
    throw new HubError("bad-option", `sha256 is ${JSON.stringify(sha256)}; expected 64 hexadecimal digits`);
  }
  if (globalThis.crypto?.subtle === undefined) {
    throw new HubError(
      "bad-option",
      "sha256 cannot be checked on a page that came over plain http; serve it over https",
    );
  }
  const key = `https://sha256.invalid/${hash}`; // never fetched: a name in the cache
  const cached = await cachedBytes(key);
  if (cached) return cached;
  const bytes = await required(url, options, true, hash);
  await keepBytes(key, bytes);
  return bytes;
}

async function required(url: URL, options: OpenOptions, progress = false, hash?: string): Promise<Uint8Array> {
  const bytes = await fetchBytes(url, options, { progress, hash });
  if (bytes === undefined) throw new HubError("not-found", `there is nothing at ${url.href}; check the address`);
  return bytes;
}

function toUrl(source: string | URL): URL {
  const base = (globalThis as { location?: { href: string } }).location?.href;
  try {
    return new URL(source, base);
  } catch {
    throw new HubError(
      "unsupported-source",
      `${JSON.stringify(String(source))} is no URL; give one, relative to the page or in full`,
    );
  }
}
