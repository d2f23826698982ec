import { type Dirent, lstatSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { hashFile } from "./blob.ts";
import { guarded } from "./cache.ts";
import { hubSettings } from "./env.ts";
import { fileError } from "./file-storage.ts";
import { isFile, statOf } from "./folder.ts";
import { hashKind } from "./hash-kind.ts";
import { isLocked } from "./lock.ts";
import type { OpenOptions } from "./weights.ts";

/** A commit of a repository in the cache. */
export interface CachedRevision {
  readonly commit: string;
  /** The branches and tags that were at it when they were asked for last. */
  readonly refs: readonly string[];
  /** Its folder. */
  readonly folder: string;
  /** Paths in the repository. */
  readonly files: readonly string[];
  /** Of its files; what commits share is counted with each. */
  readonly bytes: number;
}

/** A repository in the cache, or what came from plain addresses. */
export interface CachedRepo {
  /** `org/name`; the address, or `sha256:…`, of a file that came from one. */
  readonly name: string;
  readonly folder: string;
  readonly revisions: readonly CachedRevision[];
  /** On the disk: what commits share once, and what is half there. */
  readonly bytes: number;
}

/** Something wrong in the cache. */
export interface CacheProblem {
  readonly path: string;
  readonly what: string;
}

/** Where the cache is: the settings that matter to it. */
export type CacheOptions = Pick<OpenOptions, "cacheDir">;

const OURS = /\.vitrail\.(incomplete|lock|json)$/;
/** What is younger may belong to a download that runs. */
const FRESH = 3_600_000;

/**
 * What the cache holds: models, whether this package or Python's client fetched them, and files from addresses.
 *
 * @throws HubError ("read-failed")
 */
export function listCache(options: CacheOptions = {}): CachedRepo[] {
  const { cacheDir, urlCacheDir } = hubSettings(options);
  const repos = foldersIn(cacheDir)
    .filter((name) => name.startsWith("models--"))
    .map((name) => repoAt(join(cacheDir, name), name.slice("models--".length).replaceAll("--", "/")));
  return [...repos, ...addressesIn(urlCacheDir)].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function repoAt(folder: string, name: string): CachedRepo {
  const refs = filesBelow(join(folder, "refs")).map((ref) => [ref, read(join(folder, "refs", ref)).trim()] as const);
  const revisions = foldersIn(join(folder, "snapshots")).map((commit) => {
    const at = join(folder, "snapshots", commit);
    const files = filesBelow(at);
    const bytes = files.reduce((sum, file) => sum + (statOf(join(at, file))?.size ?? 0), 0);
    return { commit, refs: refs.filter(([, to]) => to === commit).map(([ref]) => ref), folder: at, files, bytes };
  });
  return { name, folder, revisions, bytes: bytesBelow(folder) };
}

function addressesIn(folder: string): CachedRepo[] {
  const found: CachedRepo[] = [];
  for (const kind of ["urls", "sha256"]) {
    for (const key of foldersIn(join(folder, kind))) {
      const at = join(folder, kind, key);
      const files = filesBelow(at).filter((file) => !OURS.test(file));
      const bytes = bytesBelow(at);
      const name = kind === "sha256" ? `sha256:${key}` : addressOf(at, files);
      found.push({ name, folder: at, bytes, revisions: [{ commit: key, refs: [], folder: at, files, bytes }] });
    }
  }
  return found;
}

function addressOf(folder: string, files: readonly string[]): string {
  for (const file of files) {
    try {
      const { url } = JSON.parse(read(join(folder, `${file}.vitrail.json`))) as { url: unknown };
      if (typeof url === "string") return files.length > 1 ? new URL(".", url).href : url;
    } catch {
      // the next may say it
    }
  }
  return "an address that is not known any more";
}

/**
 * Reads every file of the cache and holds it against the hash that its name is.
 *
 * @param options `remove`: takes what is damaged away, so that the next load fetches it anew
 * @returns what is wrong, in the order of the list
 */
export async function verifyCache(options: CacheOptions & { readonly remove?: boolean } = {}): Promise<CacheProblem[]> {
  const problems: CacheProblem[] = [];
  const wrong = (path: string, what: string) => {
    problems.push({ path, what });
    if (options.remove) guarded(path, () => rmSync(path, { force: true }));
  };
  for (const { folder, revisions } of listCache(options)) {
    for (const blob of filesBelow(join(folder, "blobs"))) {
      const path = join(folder, "blobs", blob);
      const kind = hashKind(blob);
      if (kind && (await hashFile(path, kind)) !== blob)
        wrong(path, "its bytes are not those that its name is the hash of");
    }
    for (const { folder: at, files, commit } of revisions) {
      for (const file of files) if (!isFile(join(at, file))) wrong(join(at, file), "a link to nothing");
      if (dirname(at).endsWith(`${sep}sha256`)) {
        for (const file of files) {
          const path = join(at, file);
          if (!(await hashFile(path, "sha256")).startsWith(commit)) wrong(path, "its bytes have another SHA-256");
        }
      }
    }
    for (const ref of filesBelow(join(folder, "refs"))) {
      const commit = read(join(folder, "refs", ref)).trim();
      const known = revisions.some((revision) => revision.commit === commit);
      if (!known && !statOf(join(folder, ".no_exist", commit)))
        wrong(join(folder, "refs", ref), `says ${JSON.stringify(commit.slice(0, 60))}, a commit that is not here`);
    }
  }
  return problems;
}

/**
 * Frees what no load needs: commits that no branch or tag is at, contents that no commit has, and what downloads left
 * that ended long ago. What is younger than an hour stays, it may belong to one that runs.
 *
 * @param options `dryRun`: only says what would go
 * @returns what went, and its bytes
 */
export function pruneCache(
  options: CacheOptions & { readonly dryRun?: boolean } = {},
): { path: string; bytes: number }[] {
  const gone: { path: string; bytes: number }[] = [];
  const { cacheDir } = hubSettings(options);
  const remove = (path: string) => {
    const stat = lstatSync(path);
    gone.push({ path, bytes: stat.isDirectory() ? bytesBelow(path) : stat.isFile() ? stat.size : 0 });
    if (!options.dryRun) guarded(path, () => rmSync(path, { recursive: true, force: true }));
  };
  const old = (path: string) => Date.now() - lstatSync(path).mtimeMs > FRESH;
  for (const { folder, revisions } of listCache(options)) {
    if (dirname(folder) !== cacheDir) {
      for (const file of filesBelow(folder).filter((name) => name.endsWith(".vitrail.incomplete")))
        if (old(join(folder, file))) remove(join(folder, file));
      continue;
    }
    const kept = revisions.filter(({ refs, folder: at }) => refs.length > 0 || !old(at));
    for (const revision of revisions) if (!kept.includes(revision)) remove(revision.folder);
    const needed = new Set(kept.flatMap(({ folder: at, files }) => files.map((file) => inode(join(at, file)))));
    const locks = join(cacheDir, ".locks", folder.slice(cacheDir.length + 1));
    for (const blob of filesBelow(join(folder, "blobs"))) {
      const path = join(folder, "blobs", blob);
      const etag = blob.replace(/\.(vitrail\.)?incomplete$/, "");
      if (!needed.has(inode(path)) && old(path) && !isLocked(join(locks, `${etag}.vitrail.lock`))) remove(path);
    }
    for (const lock of filesBelow(locks)) {
      const path = join(locks, lock);
      if (lock.endsWith(".vitrail.lock") && old(path) && !isLocked(path)) remove(path);
    }
  }
  return gone;
}

/** A file by what it is, not by how it is reached. */
function inode(path: string): string {
  const stat = statOf(path);
  return stat ? `${stat.dev} ${stat.ino}` : path;
}

function foldersIn(folder: string): string[] {
  return entriesIn(folder).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
}

/** Files and links below a folder, with slashes, in order. */
function filesBelow(folder: string, prefix = ""): string[] {
  return entriesIn(folder).flatMap((entry) => {
    const path = `${prefix}${entry.name}`;
    return entry.isDirectory() ? filesBelow(join(folder, entry.name), `${path}/`) : [path];
  });
}

function bytesBelow(folder: string): number {
  return filesBelow(folder).reduce((sum, file) => {
    const stat = lstatSync(join(folder, file));
    return sum + (stat.isSymbolicLink() ? 0 : stat.size);
  }, 0);
}

function entriesIn(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    if (/^(ENOENT|ENOTDIR)$/.test((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw fileError(error, folder);
  }
}

function read(path: string): string {
  try {
    return statSync(path).size > 10_000 ? "" : readFileSync(path, "utf8");
  } catch (error) {
    throw fileError(error, path);
  }
}
