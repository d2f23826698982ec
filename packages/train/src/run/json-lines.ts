/** Lines of JSON, as a program writes them that may be killed. */

export interface JsonLines<T> {
  readonly rows: readonly T[];
  /** What a kill left of a last line; undefined where the file ends well. */
  readonly torn?: string;
}

/**
 * Reads JSON Lines (https://jsonlines.org). Of a last line without its end only a whole value counts; blank lines are passed
 * over.
 * @param name of the file, for errors
 * @throws SyntaxError where another line is no JSON
 */
export function readJsonLines<T>(content: string | Uint8Array, name = "JSON Lines"): JsonLines<T> {
  const text = typeof content === "string" ? content : new TextDecoder().decode(content);
  const lines = text.split("\n");
  const unended = lines.pop() as string;
  const rows: T[] = [];
  for (const [i, line] of lines.entries()) {
    if (line.trim() === "") continue;
    try {
      rows.push(JSON.parse(line));
    } catch (cause) {
      throw new SyntaxError(`${name}: line ${i + 1} is no JSON: ${(cause as Error).message}`, { cause });
    }
  }
  if (unended.trim() === "") return { rows };
  try {
    const last = JSON.parse(unended);
    // "12" may be the beginning of "123": only what is closed is whole.
    if (typeof last === "object" && last !== null) return { rows: [...rows, last] };
  } catch {
    // torn within
  }
  return { rows, torn: unended };
}
