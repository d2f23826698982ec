import { randomUUID } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { HubError } from "./errors.ts";
import { assertInside, isCommit } from "./hub-id.ts";

/**
 * One repository in the cache of Python's huggingface_hub
 * (https://huggingface.co/docs/huggingface_hub/guides/manage-cache): contents in `blobs` by ETag, names in
 * `snapshots/<commit>` that link to them, the commit of a branch in `refs`, and in `.no_exist` what is known not to be there.
 */
export class RepoCache {
  readonly folder: string;
  readonly locks: string;
  private readonly symlinks: boolean;

  constructor(cacheDir: string, repo: string, symlinks = true) {
    const name = `models--${repo.replaceAll("/", "--")}`;
    this.folder = join(cacheDir, name);
    this.locks = join(cacheDir, ".locks", name);
    this.symlinks = symlinks;
  }

  /** The commit that a branch, tag or pull request had when it was asked for last. */
  commitOf(revision: string): string | undefined {
    if (isCommit(revision)) return revision;
    try {
      const text = readFileSync(join(this.folder, "refs", ...revision.split("/")), "utf8").trim();
      return isCommit(text) ? text : undefined;
    } catch {
      return undefined;
    }
  }

  snapshot(commit: string): string {
    return join(this.folder, "snapshots", commit);
  }

  /** Where a file of a commit is or would be. */
  pointer(commit: string, path: string): string {
    assertInside(path, this.folder);
    return join(this.snapshot(commit), ...path.split("/"));
  }

  blob(etag: string): string {
    return join(this.folder, "blobs", etag);
  }

  /** Not `<etag>.lock`, which is Python's: there, that the file exists says nothing. */
  lock(etag: string): string {
    return join(this.locks, `${etag}.vitrail.lock`);
  }

  isKnownAbsent(commit: string, path: string): boolean {
    return existsSync(join(this.folder, ".no_exist", commit, ...path.split("/")));
  }

  /** Makes the folders that a scan of the cache expects. */
  prepare(commit: string): void {
    for (const folder of [join(this.folder, "blobs"), this.snapshot(commit)])
      guarded(folder, () => mkdirSync(folder, { recursive: true }));
  }

  setCommit(revision: string, commit: string): void {
    if (revision === commit || this.commitOf(revision) === commit) return;
    const file = join(this.folder, "refs", ...revision.split("/"));
    const temporary = `${file}.${randomUUID().slice(0, 8)}.tmp`;
    guarded(file, () => {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(temporary, commit);
      renameSync(temporary, file);
    });
  }

  setAbsent(commit: string, path: string): void {
    const file = join(this.folder, ".no_exist", commit, ...path.split("/"));
    guarded(file, () => {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, "");
    });
  }

  /** Gives a blob its name in a snapshot: a relative link; where links cannot be made, the file itself or a copy, as Python does. */
  point(commit: string, path: string, etag: string, isNew: boolean): string {
    const pointer = this.pointer(commit, path);
    const blob = this.blob(etag);
    return guarded(pointer, () => {
      mkdirSync(dirname(pointer), { recursive: true });
      if (existsSync(pointer)) return pointer;
      rmSync(pointer, { force: true }); // a link to a blob that is gone
      if (this.symlinks) {
        try {
          symlinkSync(relative(dirname(pointer), blob), pointer);
          return pointer;
        } catch (error) {
          const { code } = error as NodeJS.ErrnoException;
          if (code === "EEXIST") return pointer; // another process did the same
          if (!["EPERM", "EACCES", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EINVAL", "UNKNOWN"].includes(code ?? ""))
            throw error;
        }
      }
      if (isNew) renameSync(blob, pointer);
      else {
        const temporary = `${pointer}.${randomUUID().slice(0, 8)}.tmp`;
        copyFileSync(blob, temporary);
        renameSync(temporary, pointer);
      }
      return pointer;
    });
  }
}

/** Runs what writes to the cache, and says in words why it cannot. */
export function guarded<T>(path: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    throw writeError(error, path);
  }
}

/** What the file system said against writing, as an error of ours. */
export function writeError(error: unknown, path: string): unknown {
  const { code, name } = error as NodeJS.ErrnoException;
  if (name === "HubError" || name === "AbortError" || typeof code !== "string") return error;
  if (/^(ENOSPC|EDQUOT|EFBIG)$/.test(code)) {
    return new HubError(
      "disk-full",
      `no room to write ${path} (${code}); free some, or set HF_HUB_CACHE to a folder on another disk`,
      error,
    );
  }
  const reason =
    code === "EROFS" ? "the disk is read-only" : code === "EACCES" || code === "EPERM" ? "not allowed" : code;
  return new HubError(
    "cache-not-writable",
    `the cache cannot be written at ${path}: ${reason}; mend that, or set HF_HUB_CACHE to a folder that can`,
    error,
  );
}
