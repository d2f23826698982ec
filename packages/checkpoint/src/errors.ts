/** What went wrong, for programs: the message is for people and may change, the code may not. */
export type CheckpointErrorCode =
  | "empty-file" // no bytes at all
  | "lfs-pointer" // a Git LFS pointer in place of the weights
  | "web-page" // HTML in place of the weights
  | "unsupported-format" // a known format that this version does not read
  | "unknown-format" // nothing known
  | "truncated" // the file ends before what its header promises
  | "header-too-large" // a header over the format's limit
  | "duplicate-name" // two tensors (or keys) of one name
  | "bad-tensor" // a tensor whose dtype, shape and offsets contradict each other
  | "bad-layout" // tensors that overlap, or bytes that belong to none
  | "unsupported-dtype" // a dtype that cannot be read, or not as fp32
  | "bad-index" // the index of a sharded checkpoint is damaged or unsafe
  | "bad-archive" // a zip archive that is damaged, or claims more than it has
  | "bad-pickle" // a pickle that is damaged, or beyond what a checkpoint needs
  | "forbidden-global" // a tensor that only a call of something in the file could make
  | "no-state-dict" // a file of torch without named tensors where they are looked for
  | "bad-header" // the header is not what the format asks for
  | "missing-shard" // a file that the index names is not there
  | "bad-input" // what was given to the encoder makes no checkpoint
  | "read-failed"; // the storage did not give the bytes that it holds

/**
 * A checkpoint that cannot be read or written, in one line: what was expected, what was found, what to do.
 * Recognise it by `name` and `code` (or {@link isCheckpointError}), not by `instanceof`: two copies of this package may
 * be installed side by side.
 */
export class CheckpointError extends Error {
  override readonly name: "CheckpointError" = "CheckpointError";
  readonly code: CheckpointErrorCode;
  /** The file that is at fault, where one was named. */
  readonly file: string | undefined;

  constructor(code: CheckpointErrorCode, message: string, file?: string, cause?: unknown) {
    super(file === undefined ? message : `${file}: ${message}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.file = file;
  }
}

/** Whether an error came from this package, whichever copy of it. */
export function isCheckpointError(error: unknown): error is CheckpointError {
  return error instanceof Error && error.name === "CheckpointError" && "code" in error;
}

/** A name from a file, fit for a one-line message: quoted, control characters escaped, cut when it is long. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 77)}...` : name);
}
