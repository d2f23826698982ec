import type { CalibrationReport } from "../../metrics/calibration.ts";
import { colour, label, px, sheet } from "./svg.ts";

const WIDTH = 440;
const HEIGHT = 520;
const BOX = { left: 64, right: WIDTH - 24, top: 50, bottom: 402 };
/** Below the diagram: how many answers each bin has. */
const COUNTS = { top: 420, bottom: 470 };

/**
 * A reliability diagram: how often answers of each probability are right, against how often they should be, with the number
 * of answers below. As an SVG document.
 */
export function reliabilityPlot({ bins, ece }: CalibrationReport, title = "Reliability"): string {
  const x = (value: number) => BOX.left + value * (BOX.right - BOX.left);
  const y = (value: number) => BOX.bottom - value * (BOX.bottom - BOX.top);
  const most = Math.max(1, ...bins.map(({ count }) => count));
  const body: string[] = [];
  for (const tick of [0, 0.2, 0.4, 0.6, 0.8, 1]) {
    const text = `${Math.round(100 * tick)} %`;
    body.push(`<path class="grid" d="M${BOX.left} ${px(y(tick))}H${BOX.right}"/>`);
    body.push(label(BOX.left - 8, y(tick) + 4, text, "end"), label(x(tick), COUNTS.bottom + 18, text, "middle"));
  }
  for (const { from, to, count, accuracy, confidence } of bins) {
    if (count === 0) continue;
    const [left, width] = [x(from) + 1, x(to) - x(from) - 2];
    const bar = (low: number, high: number, style: string) =>
      `<rect x="${px(left)}" y="${px(y(high))}" width="${px(width)}" height="${px(y(low) - y(high))}" style="${style}"/>`;
    body.push(bar(0, accuracy, `fill: ${colour(0)}`));
    const gap = [Math.min(accuracy, confidence), Math.max(accuracy, confidence)] as const;
    body.push(bar(...gap, `fill: ${colour(1)}; fill-opacity: 0.3; stroke: ${colour(1)}`));
    const height = (count / most) * (COUNTS.bottom - COUNTS.top);
    body.push(
      `<rect x="${px(left)}" y="${px(COUNTS.bottom - height)}" width="${px(width)}" height="${px(height)}" style="fill: var(--faint)"><title>${count} answers</title></rect>`,
    );
  }
  body.push(
    `<path class="grid" style="stroke: var(--faint); stroke-dasharray: 5 4" d="M${BOX.left} ${px(y(0))}L${BOX.right} ${px(y(1))}"/>`,
    label(BOX.left - 8, COUNTS.bottom, "answers", "end"),
    label((BOX.left + BOX.right) / 2, HEIGHT - 10, "probability of the answer", "middle"),
    label(BOX.left + 10, BOX.top + 18, `ECE ${(100 * ece).toFixed(1)} %`, "ink"),
    `<rect x="${BOX.left + 10}" y="${BOX.top + 28}" width="10" height="10" style="fill: ${colour(0)}"/>`,
    label(BOX.left + 26, BOX.top + 37, "right answers"),
    `<rect x="${BOX.left + 10}" y="${BOX.top + 46}" width="10" height="10" style="fill: ${colour(1)}; fill-opacity: 0.3; stroke: ${colour(1)}"/>`,
    label(BOX.left + 26, BOX.top + 55, "gap to the probability"),
  );
  return sheet(title, WIDTH, HEIGHT, body);
}
