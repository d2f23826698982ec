import type { ConfusionMatrix } from "../../metrics/confusion.ts";
import { escapeXml, label, px, sheet, shorten, widthOf } from "./svg.ts";

export interface ConfusionPlotOptions {
  /** Names of the classes, in order. */
  readonly classes: readonly string[];
  /** Default "Confusion matrix". */
  readonly title?: string;
}

/** More cannot be read: of more classes those are drawn that are confused most. */
const MOST_CLASSES = 30;
const LONGEST_NAME = 22;
const SIZE = 480;

/**
 * Shares of each class's images (a row) by answer (a column), as an SVG document. Of more than 30 classes it shows the 30 with
 * the most wrong images, in their order.
 */
export function confusionPlot(
  { classes: count, counts }: ConfusionMatrix,
  { classes, title = "Confusion matrix" }: ConfusionPlotOptions,
): string {
  if (classes.length !== count) {
    throw new RangeError(`confusionPlot: expected ${count} classes' names, found ${classes.length}`);
  }
  const shown = count <= MOST_CLASSES ? classes.map((_, k) => k) : mostWrong(count, counts);
  const n = shown.length;
  const cell = Math.max(14, Math.min(48, SIZE / n));
  const names = shown.map((k) => shorten(classes[k] as string, LONGEST_NAME));
  const room = 16 + Math.max(...names.map(widthOf));
  const [left, top] = [room + 22, 58];
  const note = n < count ? `: the ${n} of ${count} classes with the most wrong images` : "";
  const heading = title + note;
  const width = Math.max(36 + 1.35 * widthOf(heading), left + n * cell + 20);
  const height = top + n * cell + room + 34;
  const body: string[] = [];
  for (const [row, k] of shown.entries()) {
    const images = counts.subarray(k * count, (k + 1) * count);
    const total = images.reduce((a, b) => a + b, 0);
    const y = top + row * cell;
    body.push(label(left - 8, y + cell / 2 + 4, names[row] as string, "end"));
    for (const [column, answer] of shown.entries()) {
      const found = images[answer] as number;
      if (found > 0)
        body.push(
          box(left + column * cell, y, cell, found, found / total, row === column, [classes[k], classes[answer]]),
        );
    }
  }
  for (const [column, name] of names.entries()) {
    const [x, y] = [left + column * cell + cell / 2 + 4, top + n * cell + 8];
    body.push(label(x, y, name, "end", ` transform="rotate(-90 ${px(x)} ${px(y)})"`));
  }
  body.push(`<rect class="grid" x="${px(left)}" y="${top}" width="${px(n * cell)}" height="${px(n * cell)}"/>`);
  body.push(label(left + (n * cell) / 2, height - 12, "answer", "middle ink"));
  const middle = top + (n * cell) / 2;
  body.push(label(18, middle, "class", "middle ink", ` transform="rotate(-90 18 ${px(middle)})"`));
  return sheet(heading, width, height, body);
}

/** A cell: the stronger, the larger its share; right answers in one colour, wrong ones in another. */
function box(
  x: number,
  y: number,
  cell: number,
  count: number,
  share: number,
  right: boolean,
  [is, said]: readonly (string | undefined)[],
): string {
  const opacity = Math.round((0.08 + 0.92 * share) * 100) / 100;
  const tip = escapeXml(`${is} → ${said}: ${count} (${(100 * share).toFixed(1)} %)`);
  const rect = `<rect x="${px(x)}" y="${px(y)}" width="${px(cell)}" height="${px(cell)}" style="fill: var(--c${right ? 0 : 1}); fill-opacity: ${opacity}"><title>${tip}</title></rect>`;
  if (cell < 24) return rect;
  const ink = opacity > 0.55 ? "var(--ground)" : "var(--ink)";
  const text = label(x + cell / 2, y + cell / 2 + 4, compact(count), "middle", ` style="fill: ${ink}"`);
  return `${rect}${text}`;
}

const compact = (count: number): string =>
  count < 1000 ? String(count) : count < 1e6 ? `${Math.round(count / 1000)}k` : `${Math.round(count / 1e6)}M`;

function mostWrong(classes: number, counts: Uint32Array): number[] {
  const wrong = Array.from({ length: classes }, (_, k) => {
    const row = counts.subarray(k * classes, (k + 1) * classes);
    return row.reduce((a, b) => a + b, 0) - (row[k] as number);
  });
  return wrong
    .map((_, k) => k)
    .sort((a, b) => (wrong[b] as number) - (wrong[a] as number))
    .slice(0, MOST_CLASSES)
    .sort((a, b) => a - b);
}
