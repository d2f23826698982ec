/** What is wrong with a checkpoint for a model. `code` is `"checkpoint-mismatch"`. */
export interface CheckpointMismatch extends Error {
  readonly name: "CheckpointMismatchError";
  readonly code: "checkpoint-mismatch";
  /** Asked for by the model, absent from the checkpoint. */
  readonly missing: readonly string[];
  /** In the checkpoint, not asked for by the model. */
  readonly unread: readonly string[];
  /** One sentence for each parameter of another shape. */
  readonly misshaped: readonly string[];
  /** Asked for by the model more than once. */
  readonly readTwice: readonly string[];
}

/** Problems found while a model asked for its parameters. */
export interface Problems {
  readonly missing: string[];
  readonly unread: string[];
  readonly misshaped: string[];
  readonly readTwice: string[];
}

/** One error that lists every problem, a line each. */
export function checkpointMismatch(problems: Problems): CheckpointMismatch {
  const { missing, unread, misshaped, readTwice } = problems;
  const lines = [
    ...misshaped,
    ...readTwice.map((name) => `asked for twice by the model: ${name}`),
    ...missing.map((name) => `in the model but not in the checkpoint: ${name}`),
    ...unread.map((name) => `in the checkpoint but not in the model: ${name}`),
  ];
  const count = lines.length === 1 ? "1 problem" : `${lines.length} problems`;
  const error = new Error(
    `the checkpoint does not fit the model (${count}); is it another model's?\n  ${lines.join("\n  ")}`,
  );
  error.name = "CheckpointMismatchError";
  return Object.assign(error, {
    code: "checkpoint-mismatch",
    missing,
    unread,
    misshaped,
    readTwice,
  }) as CheckpointMismatch;
}

/** Whether `error` is a {@link CheckpointMismatch}, also of another copy of this package. */
export function isCheckpointMismatch(error: unknown): error is CheckpointMismatch {
  return error instanceof Error && (error as { code?: unknown }).code === "checkpoint-mismatch";
}
