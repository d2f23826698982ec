import { type Checkpoint, memoryStorage, parseShardIndex, readCheckpoint, readSharded } from "@vitrail/checkpoint";
import { parseConfig, type WeightsConfig } from "./config.ts";
import { HubError } from "./errors.ts";
import { type OpenOptions, toWeights, type Weights, type WeightsSource } from "./weights.ts";

/**
 * Opens weights by `fetch`: the base URL of a folder (with `model.safetensors` or its index, and `config.json`), the
 * URL of a checkpoint file, or the parts one by one, as URLs or bytes. The checkpoint is held in memory, once.
 * Relative URLs are taken from the page or worker.
 *
 * @throws HubError where an address gives nothing or a web page; CheckpointError where the bytes are no sound checkpoint
 */
export async function openWeights(source: string | URL | WeightsSource, options: OpenOptions = {}): Promise<Weights> {
  if (typeof source === "object" && !(source instanceof URL)) return openParts(source, options);
  const url = toUrl(source);
  const id = String(source);
  if (/\.(safetensors|pth|pt|bin|th|npz|npy|pth\.tar)$/i.test(url.pathname)) {
    return toWeights(id, undefined, await fetchCheckpoint(url, options), [url.href]);
  }
  if (/\.safetensors\.index\.json$/i.test(url.pathname)) return openSharded(id, url, undefined, options);
  const base = new URL(url);
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  const configUrl = new URL("config.json", base);
  const bytes = await fetchBytes(configUrl, options);
  const config = bytes && parseConfig(bytes, { name: configUrl.href });
  const modelUrl = new URL("model.safetensors", base);
  const model = await fetchBytes(modelUrl, options, true);
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
  return toWeights(id, parsed, await fetchCheckpoint(url, options), [url.href]);
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
    const bytes = await fetchBytes(shard, options, true);
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

async function fetchCheckpoint(url: URL, options: OpenOptions): Promise<Checkpoint> {
  return readCheckpoint(await required(url, options, true), { name: url.href, part: options.part });
}

async function required(url: URL, options: OpenOptions, progress = false): Promise<Uint8Array> {
  const bytes = await fetchBytes(url, options, progress);
  if (bytes === undefined) throw new HubError("not-found", `there is nothing at ${url.href}; check the address`);
  return bytes;
}

/** The bytes at a URL, undefined where there is none (404, 410). A web page is refused: many servers answer all with one. */
async function fetchBytes(url: URL, options: OpenOptions, progress = false): Promise<Uint8Array | undefined> {
  const get = options.fetch ?? ((u, init) => fetch(u, init));
  let response: Response;
  try {
    response = await get(url, options.signal ? { signal: options.signal } : {});
  } catch (error) {
    options.signal?.throwIfAborted();
    throw new HubError("fetch-failed", `${url.href} cannot be fetched: ${(error as Error).message}`, error);
  }
  if (response.status === 404 || response.status === 410) return undefined;
  if (!response.ok) {
    throw new HubError(
      "fetch-failed",
      `${url.href} cannot be fetched: the server answered ${response.status} ${response.statusText}`.trim(),
    );
  }
  if (/^\s*(text\/html|application\/xhtml)/i.test(response.headers.get("content-type") ?? "")) {
    await response.body?.cancel();
    throw webPage(url);
  }
  let bytes: Uint8Array;
  try {
    bytes =
      progress && options.onProgress
        ? await readAll(response, url, options.onProgress)
        : new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    options.signal?.throwIfAborted();
    throw new HubError("fetch-failed", `${url.href} was cut off: ${(error as Error).message}`, error);
  }
  if (/^(\xef\xbb\xbf)?\s*<(!doctype\s+html|html|head|body)/i.test(latin1(bytes.subarray(0, 256)))) throw webPage(url);
  return bytes;
}

async function readAll(
  response: Response,
  url: URL,
  onProgress: NonNullable<OpenOptions["onProgress"]>,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let loaded = 0;
  // With a content encoding the length is that of the encoded bytes.
  const length = response.headers.has("content-encoding") ? null : response.headers.get("content-length");
  const total = length === null || !/^\d+$/.test(length) ? undefined : Number(length);
  const reader = response.body?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done || value === undefined) break;
    chunks.push(value);
    loaded += value.byteLength;
    onProgress({ url: url.href, file: url.pathname.split("/").pop() ?? "", loaded, total });
  }
  const out = new Uint8Array(loaded);
  let at = 0;
  for (let chunk = chunks.shift(); chunk; chunk = chunks.shift()) {
    out.set(chunk, at);
    at += chunk.byteLength;
  }
  return out;
}

function webPage(url: URL): HubError {
  return new HubError(
    "web-page",
    `${url.href} answers with a web page, not with the file; is it there, and does the server send its index page for what is missing?`,
  );
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

function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (b) => String.fromCharCode(b)).join("");
}
