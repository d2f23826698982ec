import { parseShardIndex } from "@vitrail/checkpoint";
import { cachedBytes, keepBytes } from "./browser-cache.ts";
import { type Expected, fetchBytes } from "./browser-fetch.ts";
import { chooseCheckpoint } from "./choose.ts";
import { hasPreprocessor, PREPROCESSOR } from "./config.ts";
import { HubError } from "./errors.ts";
import { assertInside, type HubId, isCommit, resolveUrl } from "./hub-id.ts";
import { refusalError } from "./refusal.ts";
import type { OpenOptions } from "./weights.ts";

export const HUGGING_FACE = "https://huggingface.co";

/** A repository's files in memory, all of one commit. */
export interface FetchedRepo {
  readonly config: Uint8Array | undefined;
  /** What a config of transformers has beside it. */
  readonly preprocessor: Uint8Array | undefined;
  /** The checkpoint's path, or that of its index. */
  readonly model: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
  address(path: string): string;
}

interface Entry {
  readonly size: number;
  readonly hash: string;
}

/**
 * The files that a load of a repository needs: from Cache Storage without a question to the network where all are there, else by
 * `fetch`: the commit, its listing (sizes and hashes), then the files, each checked before it is kept.
 */
export async function fetchRepo(id: HubId, options: OpenOptions): Promise<FetchedRepo> {
  const endpoint = (options.endpoint ?? HUGGING_FACE).replace(/\/+$/, "");
  const key = `${endpoint}/${id.repo}/resolve/${encodeURIComponent(id.revision)}/?vitrail=files`;
  if (!options.refresh || options.offline) {
    const cached = await fromCache(endpoint, id.repo, key);
    if (cached) return cached;
  }
  if (options.offline) {
    throw new HubError(
      "offline",
      `${id.repo}@${id.revision} is not in this browser's cache and the network may not be asked; load it once with the network on`,
    );
  }
  const token = typeof options.token === "string" ? options.token.trim() : undefined;
  const asked = { id, endpoint, hasToken: token !== undefined, names: options.names };
  const common: Expected = {
    headers: token ? { authorization: `Bearer ${token}` } : {}, // the browser takes it off a redirect to another host
    refused: ({ status, headers }) =>
      refusalError({ status, header: (name) => headers.get(name), shown: `${endpoint}/${id.repo}` }, asked),
  };
  const api = async (path: string): Promise<unknown> => {
    const bytes = await fetchBytes(new URL(`${endpoint}/api/models/${id.repo}/${path}`), options, common);
    if (bytes === undefined) {
      throw new HubError(
        "revision-not-found",
        `${id.repo} has no revision ${JSON.stringify(id.revision)}; see ${endpoint}/${id.repo}`,
      );
    }
    try {
      return JSON.parse(new TextDecoder().decode(bytes));
    } catch {
      throw new HubError(
        "not-a-hub",
        `${endpoint} answers with no JSON to ${path}, as a hub would; check the endpoint`,
      );
    }
  };
  const { sha } = (await api(`revision/${encodeURIComponent(id.revision)}`)) as { sha?: unknown };
  if (typeof sha !== "string" || !isCommit(sha)) {
    throw new HubError(
      "not-a-hub",
      `${endpoint} calls its commit ${JSON.stringify(sha)}, as a hub would not; check the endpoint`,
    );
  }
  const entries = entriesOf(await api(`tree/${sha}?recursive=true`));
  const files = new Map<string, Uint8Array>();
  const take = async (path: string): Promise<Uint8Array> => {
    assertInside(path, id.repo);
    const url = resolveUrl(endpoint, id.repo, sha, path);
    const entry = entries.get(path);
    const cached = await cachedBytes(url.href);
    const bytes = cached ?? (await fetchBytes(url, options, { ...common, ...entry, progress: true }));
    if (bytes === undefined) {
      throw new HubError(
        "entry-not-found",
        `${id.repo} has no ${path}, which its index or list names; the repository is incomplete`,
      );
    }
    if (!cached) await keepBytes(url.href, bytes);
    files.set(path, bytes);
    return bytes;
  };
  const names = [...entries.keys()].filter((path) => !path.includes("/") && !path.startsWith("."));
  const model = chooseCheckpoint(names, `${id.repo}@${id.revision}`);
  const config = names.includes("config.json") ? await take("config.json") : undefined;
  if (config && hasPreprocessor(config) && names.includes(PREPROCESSOR)) await take(PREPROCESSOR);
  const first = await take(model);
  for (const shard of shardsOf(model, first)) await take(shard);
  // last, when all of it is there
  await keepBytes(key, JSON.stringify({ commit: sha, model, files: [...files.keys()] }));
  return repoOf(endpoint, id.repo, sha, model, files);
}

async function fromCache(endpoint: string, repo: string, key: string): Promise<FetchedRepo | undefined> {
  const list = await cachedBytes(key);
  if (list === undefined) return undefined;
  const { commit, model, files } = JSON.parse(new TextDecoder().decode(list)) as {
    commit: string;
    model: string;
    files: string[];
  };
  const found = new Map<string, Uint8Array>();
  for (const path of files) {
    const bytes = await cachedBytes(resolveUrl(endpoint, repo, commit, path).href);
    if (bytes === undefined) return undefined;
    found.set(path, bytes);
  }
  return repoOf(endpoint, repo, commit, model, found);
}

function repoOf(
  endpoint: string,
  repo: string,
  commit: string,
  model: string,
  files: ReadonlyMap<string, Uint8Array>,
): FetchedRepo {
  const address = (path: string) => resolveUrl(endpoint, repo, commit, path).href;
  return { config: files.get("config.json"), preprocessor: files.get(PREPROCESSOR), model, files, address };
}

/** A listing's files: LFS ones are named by the SHA-256 of their content, the others by git. */
function entriesOf(listing: unknown): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const { type, path, size, oid, lfs } of Array.isArray(listing) ? listing : []) {
    if (type === "file" && typeof path === "string") {
      entries.set(path, { size: lfs?.size ?? size, hash: String(lfs?.oid ?? oid).replace(/^sha256:/, "") });
    }
  }
  return entries;
}

function shardsOf(model: string, bytes: Uint8Array): readonly string[] {
  return /\.index\.json$/i.test(model) ? parseShardIndex(bytes, { name: model }).files : [];
}
