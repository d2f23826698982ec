/** What went wrong; stable, for programs to branch on. */
export type TrainErrorCode =
  /** settings or data that cannot be trained with */
  | "bad-option"
  /** loss or gradients became infinite or no number */
  | "not-finite"
  /** the folder holds another run, or files of something else */
  | "folder-in-use"
  /** the folder's run was begun with other settings, another model or other classes */
  | "other-run"
  /** a file of the run is damaged or missing */
  | "bad-checkpoint"
  /** the disk is full, or the folder cannot be written */
  | "write-failed";

/** The one error class of this package. Told by `name` and `code`: two copies of the package may be loaded. */
export class TrainError extends Error {
  override readonly name = "TrainError";
  readonly code: TrainErrorCode;

  constructor(code: TrainErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
