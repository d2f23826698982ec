/** What went wrong, for programs: the message is for people and may change, the code may not. */
export type HubErrorCode =
  | "not-found" // no such file, folder or address
  | "no-checkpoint" // a folder or repository without any checkpoint
  | "several-checkpoints" // one with more than one, and none that comes first
  | "bad-config" // a config.json that is damaged or contradicts itself
  | "foreign-config" // a config.json in another library's form
  | "unsupported-source" // a kind of source that cannot be opened here
  | "bad-id" // a name of a repository, revision or weights package that cannot be one
  | "bad-option" // an option, variable or token that cannot be used
  | "web-page" // a page came in place of a file
  | "not-a-hub" // what answers at the endpoint is no hub
  | "unreachable" // no network, no such host, nobody listening, no answer in time
  | "offline" // not in the cache, and the network may not be asked
  | "gated" // the terms of the repository are not accepted, or no token says so
  | "forbidden" // the token may not read it
  | "repo-not-found" // no such repository, or a private one
  | "revision-not-found" // no such branch, tag or commit
  | "entry-not-found" // no such file in the repository
  | "rate-limited" // too many requests (429)
  | "server-error" // the server failed (5xx), several times
  | "fetch-failed" // another answer, or a connection that was cut several times
  | "wrong-size" // more or fewer bytes than announced
  | "wrong-hash" // other bytes than announced
  | "unsafe-path" // a listing or index that names a file outside of its repository
  | "disk-full" // no room for the file
  | "cache-not-writable" // the cache is read-only, or its place is taken
  | "read-failed" // the file system did not give it
  | "no-package" // a weights package that is not installed
  | "no-model"; // a model that a weights package does not hold

/**
 * Weights that cannot be found or opened, in one line: what was expected, what was found, what to do.
 * Recognise it by `name` and `code` (or {@link isHubError}), not by `instanceof`. What is wrong with a checkpoint's
 * bytes comes as the CheckpointError of `@vitrail/checkpoint`.
 */
export class HubError extends Error {
  override readonly name: "HubError" = "HubError";
  readonly code: HubErrorCode;

  constructor(code: HubErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** Whether an error came from this package, whichever copy of it. */
export function isHubError(error: unknown): error is HubError {
  return error instanceof Error && error.name === "HubError" && "code" in error;
}
