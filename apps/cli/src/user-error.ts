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

/** A message that lists things, a line each, cut where nobody reads on. */
export function linesOf(error: unknown, most = 20): string {
  const lines = (error instanceof Error ? error.message : String(error)).split("\n");
  const more = lines.length > most ? [`  … and ${lines.length - most} more`] : [];
  return [...lines.slice(0, most).map(plain), ...more].join("\n");
}

/** A text from outside (a file name, a label) that cannot move the cursor or colour the terminal. */
export function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (c) => {
    return c === "\n" ? " " : `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
