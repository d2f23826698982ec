import type { HubSettings } from "./env.ts";
import { HubError } from "./errors.ts";
import { type Answer, type Http, openHttp } from "./http.ts";
import { assertInside, type HubId, isCommit, resolveUrl } from "./hub-id.ts";
import { type Asked, isPage, pageError, refusalError } from "./refusal.ts";
import type { OpenOptions } from "./weights.ts";

/** What a hub says of a file before it is fetched. */
export interface FileInfo {
  readonly path: string;
  readonly commit: string;
  /** Its name in the cache: the SHA-256 of its content in LFS, else git's SHA-1. */
  readonly etag: string;
  readonly size: number | undefined;
  readonly url: URL;
}

/** What is not there: at which commit, if the hub says. */
export interface Absent {
  readonly path: string;
  readonly commit: string | undefined;
  readonly url?: undefined;
}

/** One repository at one revision, asked over the network: every answer is of the same commit. */
export class Remote {
  readonly id: HubId;
  readonly http: Http;
  readonly asked: Asked;
  private readonly endpoint: string;
  private commit: string | undefined;

  private constructor(id: HubId, settings: HubSettings, options: OpenOptions, http: Http) {
    this.id = id;
    this.http = http;
    this.endpoint = settings.endpoint;
    this.asked = { id, endpoint: settings.endpoint, hasToken: settings.token !== undefined, names: options.names };
  }

  static async open(id: HubId, settings: HubSettings, options: OpenOptions): Promise<Remote> {
    return new Remote(id, settings, options, await openHttp(settings, options));
  }

  /** Looks a file up. That it is not there is an answer, not an error. */
  async look(path: string): Promise<FileInfo | Absent> {
    assertInside(path, this.id.repo);
    const found = await this.lookAt(this.id.revision, path);
    this.commit ??= found.commit;
    if (found.commit === undefined || found.commit === this.commit) return found;
    // The branch has moved since the first file: stay with its commit.
    return this.lookAt(this.commit as string, path);
  }

  private async lookAt(revision: string, path: string): Promise<FileInfo | Absent> {
    const url = resolveUrl(this.endpoint, this.id.repo, revision, path);
    const enough = (hop: Response) => hop.headers.has("x-linked-etag");
    const answer = await this.http.request(url, { method: "HEAD", enough });
    const { status } = answer.response;
    const commit = answer.header("x-repo-commit") ?? undefined;
    if (commit !== undefined && !isCommit(commit))
      throw this.noHub(answer, `calls its commit ${JSON.stringify(commit)}`);
    const code = answer.header("x-error-code");
    if (status === 404 && (code === "EntryNotFound" || code === null)) return { path, commit };
    if (status >= 400) throw refusalError(refusalOf(answer), this.asked);
    const linked = answer.header("x-linked-etag");
    const etag = (linked ?? answer.response.headers.get("etag"))?.replace(/^W\//, "").replace(/^"(.*)"$/, "$1");
    if (commit === undefined || etag === undefined) throw await this.notTheHub(url, answer);
    if (!/^[\w-][\w.-]{0,200}$/.test(etag)) throw this.noHub(answer, `sends the ETag ${JSON.stringify(etag)}`);
    const length = answer.header("x-linked-size") ?? (linked ? null : answer.response.headers.get("content-length"));
    const size = length !== null && /^\d+$/.test(length) ? Number(length) : undefined;
    return { path, commit, etag, size, url };
  }

  /** An answer without what every hub says: a page, as a look at its first bytes shows, or another server. */
  private async notTheHub(url: URL, head: Answer): Promise<HubError> {
    if (/^\s*(text\/html|application\/xhtml)/i.test(head.response.headers.get("content-type") ?? ""))
      return pageError(head.shown);
    const answer = await this.http.request(url);
    const reader = answer.response.body?.getReader();
    const { value } = (await reader?.read()) ?? { value: undefined };
    await reader?.cancel();
    if (value && isPage(value)) return pageError(answer.shown);
    return this.noHub(head, "does not say which commit it answers from (no X-Repo-Commit and ETag)");
  }

  private noHub({ shown }: Answer, what: string): HubError {
    return new HubError(
      "not-a-hub",
      `${shown} ${what}, as a hub would not; check HF_ENDPOINT (${this.endpoint}), and whether a proxy changes answers`,
    );
  }

  /** The paths of all files, through the hub's own client. */
  async list(): Promise<string[]> {
    const { listFiles } = await import("@huggingface/hub");
    const paths: string[] = [];
    // Its requests go through ours: time-outs, repetition, and a token that stays at home. It does not escape revisions.
    const ask = async (input: unknown): Promise<Response> => {
      const answer = await this.http.request(new URL(String(input)));
      if (!answer.response.ok) throw refusalError(refusalOf(answer), this.asked);
      return answer.response;
    };
    const revision = this.commit ?? encodeURIComponent(this.id.revision);
    const params = { repo: this.id.repo, revision, recursive: true, hubUrl: this.endpoint, fetch: ask as typeof fetch };
    for await (const { type, path } of listFiles(params)) if (type === "file") paths.push(path);
    return paths;
  }
}

/** What an answer of ours says, for an error. */
export function refusalOf(answer: Answer) {
  return { status: answer.response.status, header: (name: string) => answer.header(name), shown: answer.shown };
}
