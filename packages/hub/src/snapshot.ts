import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseShardIndex } from "@vitrail/checkpoint";
import { fetchBlob } from "./blob.ts";
import { RepoCache } from "./cache.ts";
import { chooseCheckpoint } from "./choose.ts";
import { hasPreprocessor, PREPROCESSOR } from "./config.ts";
import { type HubSettings, hubSettings } from "./env.ts";
import { HubError } from "./errors.ts";
import { isFile, namesIn } from "./folder.ts";
import { type HubId, isExplicit, parseHubId } from "./hub-id.ts";
import { refusalError } from "./refusal.ts";
import { type FileInfo, Remote, refusalOf } from "./remote.ts";
import type { OpenOptions, PublishedWeights } from "./weights.ts";
import { isPackageName } from "./weights-package.ts";

/** The files of a load, all of one commit. */
export interface Snapshot {
  readonly repo: string;
  readonly revision: string;
  readonly commit: string;
  /** The commit's folder in the cache. */
  readonly folder: string;
  readonly config: string | undefined;
  /** The checkpoint, or the index of a sharded one. */
  readonly model: string;
  /** Whether anything was fetched. */
  readonly fetched: boolean;
}

const CONFIG = "config.json";
const FIRST = ["model.safetensors", "model.safetensors.index.json"];

/**
 * The files that a load of a repository needs: from the cache without a question to the network where all are there, else
 * over the network into the cache.
 */
export async function takeSnapshot(id: HubId, options: OpenOptions): Promise<Snapshot> {
  const settings = hubSettings(options);
  const cache = new RepoCache(settings.cacheDir, id.repo, settings.symlinks);
  const cached = cachedSnapshot(cache, id);
  if (cached && (settings.offline || (cached.complete && !options.refresh))) return cached;
  if (settings.offline) {
    throw new HubError(
      "offline",
      `${id.repo}${id.revision === "main" ? "" : `@${id.revision}`} is not in the cache (${settings.cacheDir}) and the network may not be asked (HF_HUB_OFFLINE or --offline); download it once with the network on`,
    );
  }
  const remote = await Remote.open(id, settings, options);
  try {
    return await fetchSnapshot(remote, cache, options);
  } catch (error) {
    // What is there without a small file, which it was never asked for, is better than nothing.
    if (cached && !options.refresh && (error as HubError).code === "unreachable") return cached;
    throw error;
  } finally {
    await remote.http.close();
  }
}

/** Whether a load would find everything in the cache. */
export function snapshotCached(id: HubId, options: OpenOptions = {}): boolean {
  const settings: HubSettings = hubSettings(options);
  return cachedSnapshot(new RepoCache(settings.cacheDir, id.repo), id) !== undefined;
}

/** The load as the cache has it; `complete` where what it lacks is known not to be there, or is not needed. */
function cachedSnapshot(cache: RepoCache, { repo, revision }: HubId): (Snapshot & { complete: boolean }) | undefined {
  const commit = cache.commitOf(revision);
  if (commit === undefined) return undefined;
  const folder = cache.snapshot(commit);
  let model: string;
  try {
    model = join(folder, chooseCheckpoint(namesIn(folder), folder));
    for (const shard of shardsOf(model)) if (!isFile(join(folder, shard))) return undefined;
  } catch {
    return undefined; // no such folder, or not what a load needs
  }
  const config = join(folder, CONFIG);
  const found = isFile(config) ? config : undefined;
  const has = (path: string) => isFile(join(folder, path)) || cache.isKnownAbsent(commit, path);
  const complete = has(CONFIG) && (found === undefined || !hasPreprocessor(readFileSync(found)) || has(PREPROCESSOR));
  return { repo, revision, commit, folder, config: found, model, fetched: false, complete };
}

async function fetchSnapshot(remote: Remote, cache: RepoCache, options: OpenOptions): Promise<Snapshot> {
  const { repo, revision } = remote.id;
  let fetched = false;
  const take = async (info: FileInfo): Promise<string> => {
    const { commit, path, etag, size, url } = info;
    const pointer = cache.pointer(commit, path);
    if (isFile(pointer)) return pointer;
    cache.prepare(commit);
    const blob = cache.blob(etag);
    const wanted = {
      url,
      file: path,
      destination: blob,
      incomplete: `${blob}.vitrail.incomplete`,
      lock: cache.lock(etag),
      size,
      etag,
      refused: (answer: Parameters<typeof refusalOf>[0]) => refusalError(refusalOf(answer), remote.asked),
    };
    const isNew = await fetchBlob(remote.http, wanted, options);
    fetched ||= isNew;
    return cache.point(commit, path, etag, isNew);
  };

  const config = await remote.look(CONFIG);
  const model = await lookForModel(remote);
  // All that is needed has been seen: only now is anything written.
  const configFile = config.url ? await take(config) : undefined;
  if (configFile !== undefined && hasPreprocessor(readFileSync(configFile))) {
    const preprocessor = await remote.look(PREPROCESSOR);
    if (preprocessor.url) await take(preprocessor);
    else if (preprocessor.commit === model.commit) cache.setAbsent(model.commit, PREPROCESSOR);
  }
  const modelFile = await take(model);
  const folder = cache.snapshot(model.commit);
  for (const shard of shardsOf(modelFile)) {
    const path = join(dirname(model.path), shard).replaceAll("\\", "/");
    const info = await remote.look(path);
    if (!info.url)
      throw new HubError(
        "entry-not-found",
        `${repo} has no ${path}, which its index names; the repository is incomplete`,
      );
    await take(info);
  }
  if (!config.url && config.commit === model.commit) cache.setAbsent(model.commit, CONFIG);
  cache.setCommit(revision, model.commit);
  return { repo, revision, commit: model.commit, folder, config: configFile, model: modelFile, fetched };
}

/** model.safetensors, else its index, else the one checkpoint of the listing. */
async function lookForModel(remote: Remote): Promise<FileInfo> {
  const { repo, revision } = remote.id;
  for (const path of FIRST) {
    const found = await remote.look(path);
    if (found.url) return found;
  }
  const names = (await listed(remote)).filter((path) => !path.includes("/") && !path.startsWith("."));
  const chosen = await remote.look(chooseCheckpoint(names, `${repo}@${revision}`));
  if (chosen.url) return chosen;
  throw new HubError(
    "entry-not-found",
    `${repo} lists ${chosen.path} and does not give it; its files: ${names.slice(0, 12).join(", ")}`,
  );
}

async function listed(remote: Remote): Promise<string[]> {
  const { id, endpoint } = remote.asked;
  try {
    return await remote.list();
  } catch (error) {
    const { code } = error as HubError;
    if (code !== "fetch-failed" && code !== "entry-not-found") throw error;
    const page = `${endpoint}/${id.repo}/tree/${id.revision}`;
    throw new HubError(
      "entry-not-found",
      `${id.repo} has no model.safetensors, and its list of files cannot be had; see ${page}`,
      error,
    );
  }
}

/** The files that an index names; none for a checkpoint that is whole. */
function shardsOf(model: string): readonly string[] {
  if (!/\.index\.json$/i.test(model)) return [];
  return parseShardIndex(readFileSync(model), { name: model }).files;
}

/** The repository that a text or a table's entry names. */
export function hubIdFor(id: string | PublishedWeights): HubId {
  const text = typeof id === "string" ? id : id.hubId;
  if (isPackageName(text)) {
    throw new HubError("bad-id", `${text} is an npm package and not on the hub; \`npm install\` brings it`);
  }
  return parseHubId(isExplicit(text) ? text : `hf-hub:${text}`) as HubId;
}
