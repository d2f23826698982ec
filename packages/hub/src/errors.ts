/** What went wrong, for programs: the message is for people and may change, the code may not. */
export type HubErrorCode =
  | "not-found" // no such file, folder or address
  | "no-checkpoint" // a folder without any checkpoint
  | "several-checkpoints" // a folder with more than one, and none that comes first
  | "bad-config" // a config.json that is damaged or contradicts itself
  | "foreign-config" // a config.json in another library's form
  | "unsupported-source" // a kind of source that this version does not open
  | "web-page" // a page came in place of a file
  | "fetch-failed" // the network, or the server, did not give it
  | "read-failed" // the file system did not give it
  | "no-package"; // a weights package that is not installed

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
