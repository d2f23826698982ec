import { createColors } from "picocolors";

/** Colours for a stream: only on a terminal, never under NO_COLOR (https://no-color.org), always under FORCE_COLOR. */
export function colorsFor(stream: { isTTY?: boolean }): ReturnType<typeof createColors> {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR) return createColors(false);
  if (FORCE_COLOR && FORCE_COLOR !== "0") return createColors(true);
  return createColors(Boolean(stream.isTTY) && TERM !== "dumb");
}

/** Writes a line to stderr: what is no result. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Writes a line of results to stdout. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** `… | head -1` closes our stdout: that is how it should end, not an error. */
export function endQuietlyOnClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED") process.exit(0);
      throw error;
    });
  }
}

/** Columns, the numeric ones flush right; two spaces between. */
export function table(rows: readonly (readonly string[])[], right: readonly boolean[] = []): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => width(row[column] ?? ""))));
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const fill = " ".repeat((widths[column] ?? 0) - width(cell));
        if (right[column]) return fill + cell;
        return column === row.length - 1 ? cell : cell + fill;
      })
      .join("  ")
      .trimEnd(),
  );
}

/** Columns that a text takes: letters by code point, wide East Asian ones twice. */
function width(text: string): number {
  let columns = 0;
  for (const letter of text)
    columns += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]/.test(letter) ? 2 : 1;
  return columns;
}
