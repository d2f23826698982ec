import { HubError } from "./errors.ts";
import type { HubId } from "./hub-id.ts";
import { nearestNames } from "./nearest.ts";

/** What a hub's answer says, whichever client it came through. */
export interface Refusal {
  readonly status: number;
  readonly header: (name: string) => string | null;
  /** The address that was asked, fit to be shown. */
  readonly shown: string;
}

/** Who asked for what, for the advice in a message. */
export interface Asked {
  readonly id: HubId;
  readonly endpoint: string;
  readonly hasToken: boolean;
  readonly names?: Iterable<string> | undefined;
}

/** An answer other than the file, as an error that says what to do. The token is never part of it. */
export function refusalError({ status, header, shown }: Refusal, { id, endpoint, hasToken, names }: Asked): HubError {
  const code = header("x-error-code");
  const { repo, revision } = id;
  const page = `${endpoint}/${repo}`;
  if (code === "GatedRepo") {
    const token = hasToken
      ? "with the account of your token (HF_TOKEN)"
      : "and set HF_TOKEN to a token of your account";
    return new HubError("gated", `${repo} is gated: accept its terms at ${page} ${token}`);
  }
  if (code === "RevisionNotFound") {
    return new HubError(
      "revision-not-found",
      `${repo} has no revision ${JSON.stringify(revision)}; see ${page}/refs or leave "@${revision}" out`,
    );
  }
  if (code === "RepoNotFound" || status === 401) {
    const [org, name] = repo.split("/");
    const known = [...(names ?? [])];
    const near = nearestNames(repo, known).concat(org === "timm" ? nearestNames(name ?? "", known) : []);
    const meant = near.length > 0 ? `did you mean ${[...new Set(near)].slice(0, 3).join(" or ")}? If not, ` : "";
    const token = hasToken ? "see whether the token in HF_TOKEN may read it" : "set HF_TOKEN if it is private";
    return new HubError(
      "repo-not-found",
      `there is no ${repo} on ${endpoint}, or it is private: ${meant}check the name, ${token}`,
    );
  }
  if (status === 403) {
    const token = hasToken ? "give HF_TOKEN a token that may read this repository" : "set HF_TOKEN to a token that may";
    return new HubError("forbidden", `${repo} may not be read (403); ${token} (${endpoint}/settings/tokens)`);
  }
  return statusError(status, header, shown);
}

/** A status without a meaning of the hub's own. */
export function statusError(status: number, header: (name: string) => string | null, shown: string): HubError {
  if (status === 429) {
    const after = header("retry-after");
    const when = after && /^\d+$/.test(after) ? `in ${after} s` : "later";
    return new HubError(
      "rate-limited",
      `${shown} is asked too often (429); try again ${when}, or set HF_TOKEN for a higher limit`,
    );
  }
  if (status >= 500) {
    return new HubError(
      "server-error",
      `${shown} cannot be fetched: the server fails (${status}), also when asked again; try again later`,
    );
  }
  return new HubError("fetch-failed", `${shown} cannot be fetched: the server answered ${status}; check the address`);
}

/** Whether bytes begin as a web page does. */
export function isPage(head: Uint8Array): boolean {
  const text = Array.from(head.subarray(0, 256), (byte) => String.fromCharCode(byte)).join("");
  return /^(\xef\xbb\xbf)?\s*(<!--.*?-->\s*)?<(!doctype\s+html|html|head|body|script)/is.test(text);
}

/** A page came in place of a file: a portal that wants a login, a server that answers all with its index. */
export function pageError(shown: string): HubError {
  return new HubError(
    "web-page",
    `${shown} answers with a web page, not with the file; is it there, does the network want a login first, or does the server send its index page for what is missing?`,
  );
}
