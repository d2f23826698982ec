import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseShardIndex } from "@vitrail/checkpoint";
import { fetchBlob } from "./blob.ts";
import { guarded } from "./cache.ts";
import { hubSettings } from "./env.ts";
import { HubError } from "./errors.ts";
import { isFile } from "./folder.ts";
import { type Answer, type Http, openHttp, shown } from "./http.ts";
import { assertInside } from "./hub-id.ts";
import { statusError } from "./refusal.ts";
import type { OpenOptions } from "./weights.ts";

const CHECKPOINT = /\.(safetensors|pth|pt|bin|th|ckpt|npz|npy|tar)$/i;
const INDEX = /\.index\.json$/i;

/**
 * Brings weights from an address into the cache: a checkpoint file, an index and its shards, or a folder with
 * `config.json` and `model.safetensors`. `#sha256=…` after a file's address says what it must be.
 */
export async function fetchUrl(url: URL, options: OpenOptions): Promise<{ model: string; config: string | undefined }> {
  const sha256 = /^#sha256=(.*)$/i.exec(url.hash)?.[1];
  if (INDEX.test(url.pathname)) return { model: await fetchIndexed(url, options), config: undefined };
  if (CHECKPOINT.test(url.pathname) || sha256 !== undefined) {
    return { model: await fetchUrlFile(url, options, sha256), config: undefined };
  }
  const base = new URL(url);
  base.hash = "";
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  const config = await optional(new URL("config.json", base), options);
  const model = await optional(new URL("model.safetensors", base), options);
  if (model !== undefined) return { model, config };
  try {
    return { model: await fetchIndexed(new URL("model.safetensors.index.json", base), options), config };
  } catch (error) {
    if ((error as HubError).code !== "not-found") throw error;
    throw new HubError(
      "not-found",
      `there is neither model.safetensors nor its index under ${shown(base)}; check the address`,
    );
  }
}

async function fetchIndexed(url: URL, options: OpenOptions): Promise<string> {
  const index = await fetchUrlFile(url, options);
  // Shards lie beside their index, as the reader expects them; its folder is that of its address.
  for (const shard of parseShardIndex(readFileSync(index), { name: shown(url) }).files) {
    assertInside(shard, shown(url));
    await fetchUrlFile(
      new URL(shard.split("/").map(encodeURIComponent).join("/"), url),
      options,
      undefined,
      shard,
      url,
    );
  }
  return index;
}

async function optional(url: URL, options: OpenOptions): Promise<string | undefined> {
  try {
    return await fetchUrlFile(url, options);
  } catch (error) {
    if ((error as HubError).code === "not-found") return undefined;
    throw error;
  }
}

/** What was found at an address when it was fetched. */
interface Seen {
  readonly url: string;
  /** ETag or date; empty where the server says neither. */
  readonly validator: string;
}

/**
 * The file at an address, in the cache. With its hash the network is asked once; without, whether it has changed.
 *
 * @param name its name below the folder of `folderOf`; by default the last part of the address
 */
export async function fetchUrlFile(
  url: URL,
  options: OpenOptions,
  sha256?: string,
  name = lastOf(url),
  folderOf = url,
): Promise<string> {
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(sha256)) {
    throw new HubError("bad-option", `sha256 is ${JSON.stringify(sha256)}; expected 64 hexadecimal digits`);
  }
  const settings = hubSettings(options);
  const plain = new URL(url);
  plain.hash = "";
  const key =
    sha256?.toLowerCase() ??
    createHash("sha256")
      .update(new URL(".", folderOf).href + folderOf.search)
      .digest("hex");
  const folder = join(settings.urlCacheDir, sha256 ? "sha256" : "urls", key.slice(0, 40));
  const path = join(folder, ...name.split("/"));
  const seen = sha256 ? undefined : seenAt(`${path}.vitrail.json`);
  if (isFile(path) && (sha256 !== undefined || settings.offline)) return path;
  if (settings.offline) {
    throw new HubError(
      "offline",
      `${shown(url)} is not in the cache (${settings.urlCacheDir}) and the network may not be asked; download it once with the network on`,
    );
  }
  const http = await openHttp(settings, options);
  try {
    return await refreshed(http, { url: plain, path, name, folder, sha256: sha256?.toLowerCase() }, options);
  } catch (error) {
    if ((error as HubError).code === "unreachable" && seen && isFile(path)) return path;
    throw error;
  } finally {
    await http.close();
  }
}

interface UrlFile {
  readonly url: URL;
  readonly path: string;
  readonly name: string;
  readonly folder: string;
  readonly sha256: string | undefined;
}

async function refreshed(http: Http, file: UrlFile, options: OpenOptions): Promise<string> {
  const { url, path, name, folder, sha256 } = file;
  const head = await http.request(url, { method: "HEAD" });
  // Some servers give files and know no HEAD.
  const { headers, status } = head.response;
  if (status >= 400 && status !== 405 && status !== 501 && status !== 403) throw refused(url)(head);
  const ok = head.response.ok;
  const validator = (ok && (headers.get("etag") ?? headers.get("last-modified"))) || "";
  const note = `${path}.vitrail.json`;
  const isThere = () =>
    isFile(path) && (sha256 !== undefined || (validator !== "" && seenAt(note)?.validator === validator));
  const length = ok && !headers.has("content-encoding") ? headers.get("content-length") : null;
  const part = createHash("sha256").update(`${url.href} ${validator}`).digest("hex").slice(0, 16);
  const incomplete = `${path}.${sha256 ? "" : part}.vitrail.incomplete`;
  // Without a validator nothing says that what an earlier process left is of the same file.
  if (!sha256 && validator === "") rmSync(incomplete, { force: true });
  const wanted = {
    url,
    file: name,
    destination: path,
    incomplete,
    lock: `${path}.vitrail.lock`,
    size: length !== null && /^\d+$/.test(length) ? Number(length) : undefined,
    etag: sha256 ?? "",
    refused: refused(url),
    isThere,
    onNamed() {
      if (!sha256) writeFileSync(note, JSON.stringify({ url: shown(url), validator } satisfies Seen));
    },
  };
  guarded(folder, () => mkdirSync(folder, { recursive: true }));
  await fetchBlob(http, wanted, options);
  return path;
}

function refused(url: URL): (answer: Answer) => HubError {
  return ({ response, header, shown: at }) => {
    const { status } = response;
    if (status === 404 || status === 410)
      return new HubError("not-found", `there is nothing at ${shown(url)}; check the address`);
    if (status === 401 || status === 403)
      return new HubError(
        "forbidden",
        `${shown(url)} may not be read (${status}); is it public, or does it need a token?`,
      );
    return statusError(status, header, at);
  };
}

function seenAt(file: string): Seen | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Seen;
  } catch {
    return undefined;
  }
}

/** The last part of an address, as a file name. */
function lastOf(url: URL): string {
  const last = url.pathname.split("/").pop() || "file";
  let name = last;
  try {
    name = decodeURIComponent(last);
  } catch {
    // a percent sign that encodes nothing: as it stands
  }
  return name
    .replace(/[^\w. @+=-]/g, "_")
    .replace(/^\.+/, "_")
    .slice(0, 120);
}
