/** What went wrong in a {@link ClassifyError}, for programs; the message is for people. */
export type ClassifyErrorCode =
  | "bad-config"
  | "bad-option"
  | "bad-photo"
  | "disposed"
  | "labels-mismatch"
  | "no-model"
  | "not-finite"
  | "unknown-model";

/** A mistake in a call of this package. Recognise it by `name` and `code`, not by `instanceof`: there may be two copies. */
export class ClassifyError extends Error {
  override readonly name = "ClassifyError";
  readonly code: ClassifyErrorCode;

  constructor(code: ClassifyErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
