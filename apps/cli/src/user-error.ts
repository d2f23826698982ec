/** A mistake of the person at the keyboard: its message is all that is shown. */
export class UserError extends Error {
  override readonly name = "UserError";
}

/** Whether the message alone tells a user what to do; anything else is our mistake and keeps its stack. */
export function isSpoken(error: unknown): error is Error {
  // the workspace's errors and the system's carry a code; what TypeScript or a bug throws does not
  return (
    error instanceof Error && (error instanceof UserError || typeof (error as { code?: unknown }).code === "string")
  );
}

/** An error in one line, without control characters. */
export function messageOf(error: unknown): string {
  return plain(error instanceof Error ? error.message : String(error));
}

/** A message that may list things, a line each; the names that do not fit a model by kind, each kind cut where nobody reads on. */
export function linesOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const { code, missing, unread, misshaped } = error as Partial<Mismatch>;
  if (code !== "checkpoint-mismatch") return message.split("\n").map(plain).join("\n");
  const list = (what: string, names: readonly string[] = []) => {
    if (names.length === 0) return [];
    const more = names.length > MOST ? [`    … and ${names.length - MOST} more`] : [];
    return [`  ${what} (${names.length}):`, ...names.slice(0, MOST).map((name) => `    ${plain(name)}`), ...more];
  };
  return [
    plain(message.split("\n")[0] ?? ""),
    ...list("of another shape", misshaped),
    ...list("in the model but not in the checkpoint", missing),
    ...list("in the checkpoint but not in the model", unread),
  ].join("\n");
}

const MOST = 10;

interface Mismatch {
  readonly code: string;
  readonly missing: readonly string[];
  readonly unread: readonly string[];
  readonly misshaped: readonly string[];
}

/** A text from outside (a file name, a label) that cannot move the cursor or colour the terminal. */
export function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (c) => {
    return c === "\n" ? " " : `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
