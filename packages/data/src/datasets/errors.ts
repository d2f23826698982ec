/** What is wrong with a dataset; stable, for programs to branch on. */
export type DatasetErrorCode =
  /** the path does not exist or cannot be read */
  | "unreadable"
  /** nothing that is known as a dataset */
  | "not-a-dataset"
  /** two formats side by side, so that it would be a guess which is meant */
  | "mixed-formats"
  /** a dataset, but of a variant that is not read */
  | "unsupported"
  /** a file ends before what it promises */
  | "truncated"
  /** a file that contradicts itself or its format */
  | "corrupt"
  /** a manifest's lines do not fit its header, or each other */
  | "bad-manifest"
  /** a column that is needed is not there */
  | "missing-column"
  /** a file that others name or number is not there */
  | "missing-file"
  /** a class that the training split, or the classes asked for, do not have */
  | "unknown-class"
  /** two classes whose names look the same */
  | "ambiguous-class"
  /** a number outside the classes */
  | "label-out-of-range"
  /** training needs pictures */
  | "no-images"
  /** training needs two classes or more */
  | "one-class"
  /** training needs pictures of every class */
  | "empty-class"
  /** training needs more than one picture */
  | "one-image"
  /** numbers or names given by the caller do not make sense */
  | "bad-argument"
  /** the caller's signal ended the work */
  | "aborted";

/**
 * A dataset that cannot be used, in one line: what was expected, what was found, what to do. Told by `name` and `code`, never by
 * `instanceof`: two copies of the package may be loaded at once.
 */
export class DatasetError extends Error {
  override readonly name = "DatasetError";
  readonly code: DatasetErrorCode;
  /** The file or folder that is at fault, where there is one. */
  readonly file: string | undefined;

  constructor(code: DatasetErrorCode, message: string, options: { file?: string | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.file = options.file;
  }
}

/** Whether an error came from this package's datasets, whichever copy of it. */
export function isDatasetError(error: unknown): error is DatasetError {
  return error instanceof Error && error.name === "DatasetError" && "code" in error;
}

/** A name from a file, fit for a one-line message: quoted, control characters escaped, cut when it is long. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 120 ? `${name.slice(0, 117)}...` : name);
}

/** "a, b, c and 7 more": the first few of a list, quoted. */
export function some(names: readonly string[], most = 5): string {
  const shown = names.slice(0, most).map(quote).join(", ");
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}

/** The first line of what another library threw. */
export function reasonOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return text.split("\n")[0] as string;
}
