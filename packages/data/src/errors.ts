/** What went wrong with a picture; stable, for programs to branch on. */
export type ImageErrorCode =
  /** the path does not exist or cannot be read */
  | "unreadable-file"
  /** no bytes at all */
  | "empty-file"
  /** the bytes are not a picture of any kind that is known here */
  | "not-an-image"
  /** a picture, but of a kind or variant that is not decoded */
  | "unsupported-image"
  /** more pixels than `maxPixels`; the decoder was not called */
  | "too-many-pixels"
  /** the header is a picture's, the rest is cut off or damaged */
  | "corrupt-image"
  /** numbers given by the caller do not make sense: sizes, filters, lengths */
  | "bad-argument"
  /** a worker thread of a preprocessor ended, or the preprocessor was disposed of */
  | "worker-failed";

/**
 * The one error class of this package. Told by `name` and `code`, never by `instanceof`: two copies of the package
 * may be loaded at once.
 */
export class ImageError extends Error {
  override readonly name = "ImageError";
  /** What went wrong. */
  readonly code: ImageErrorCode;
  /** The file or the name given for the bytes, where there is one. */
  readonly file: string | undefined;

  constructor(code: ImageErrorCode, message: string, options: { file?: string | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.file = options.file;
  }
}
