import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** The files of a repository, by path. */
export type StubFiles = Readonly<Record<string, string | Uint8Array>>;

/** One repository: its files by revision, "main" first of all. */
export interface StubRepo {
  readonly revisions: Record<string, StubFiles>;
  /** Needs this token: "gated" says 401 GatedRepo without it, "private" 401 RepoNotFound, "forbidden" 403. */
  readonly access?: { readonly kind: "gated" | "private" | "forbidden"; readonly token?: string };
}

/** The hash that git gives a file, which is its ETag outside LFS. */
export function gitBlobSha1(bytes: Uint8Array): string {
  return createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
}

/** What names an LFS file's content, which is its ETag. */
export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** What the stub keeps in LFS. */
export const LARGE = /\.(safetensors|bin|pth|pt|npz)$/;

/** The repositories of a folder laid out as `<org>/<repo>/<file>`. Files are read when they are asked for. */
export function reposIn(folder: string): Record<string, StubRepo> {
  const repos: Record<string, StubRepo> = {};
  for (const org of readdirSync(folder)) {
    for (const name of readdirSync(join(folder, org))) {
      const at = join(folder, org, name);
      const files: Record<string, Uint8Array> = {};
      for (const path of readdirSync(at, { recursive: true, encoding: "utf8" })) {
        if (!statSync(join(at, path)).isFile()) continue;
        const read = () => readFileSync(join(at, path));
        Object.defineProperty(files, path.replaceAll("\\", "/"), { enumerable: true, get: read });
      }
      repos[`${org}/${name}`] = { revisions: { main: files } };
    }
  }
  return repos;
}
