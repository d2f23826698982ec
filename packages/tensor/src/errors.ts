/** What went wrong with a backend: not a name that we know, not installed, or installed and not starting. */
export type BackendErrorCode = "backend-unknown" | "backend-not-installed" | "backend-failed";

/** A backend that cannot be used. Tell it by `code`, not by `instanceof`: two copies of the package may be loaded. */
export class BackendError extends Error {
  override readonly name = "BackendError";
  readonly code: BackendErrorCode;

  constructor(code: BackendErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
