/** The study's table as curves. */
import { extent, linearScale } from "../../../../packages/train/src/run/plots/scale.ts";
import { colour, label, px, sheet, WIDTH } from "../../../../packages/train/src/run/plots/svg.ts";
import { FAMILIES, FRACTIONS, TRANSFER_CLASSES } from "./plan.ts";
import { cellOf, type Result } from "./results.ts";

const HEIGHT = 440;
const BOX = { left: 64, right: WIDTH - 24, top: 118, bottom: HEIGHT - 48 };
const KINDS = [
  { kind: "transfer", name: "pretrained", dash: "" },
  { kind: "scratch", name: "from scratch", dash: "6 5" },
] as const;

/** A colour a network; solid where it was pretrained, dashed from scratch. An SVG document for light and dark ground. */
export function plot(results: readonly Result[]): string {
  const curves = FAMILIES.flatMap(({ name }, index) =>
    KINDS.map(({ kind, dash }) => ({
      index,
      dash,
      points: FRACTIONS.flatMap((fraction, i) => {
        const cell = cellOf(results, name, kind, fraction);
        return cell ? [{ at: i, ...cell }] : [];
      }),
    })),
  );
  const shown = curves.flatMap(({ points }) => points.flatMap(({ top1, margin }) => [top1 - margin, top1 + margin]));
  const y = linearScale(extent(shown), [BOX.bottom, BOX.top], { percent: true });
  const inset = 40;
  const x = (i: number) => BOX.left + inset + (i / (FRACTIONS.length - 1)) * (BOX.right - BOX.left - 2 * inset);
  const stroke = (index: number, dash: string) =>
    `style="stroke: ${colour(index)}"${dash === "" ? "" : ` stroke-dasharray="${dash}"`}`;
  return sheet(`${TRANSFER_CLASSES.join(", ")}: right answers by training data`, WIDTH, HEIGHT, [
    ...y.ticks.flatMap(({ value, label: text }) => [
      `<path class="grid" d="M${BOX.left} ${px(y.at(value))}H${BOX.right}"/>`,
      label(BOX.left - 8, y.at(value) + 4, text, "end"),
    ]),
    ...FRACTIONS.map((fraction, i) => label(x(i), BOX.bottom + 18, `${100 * fraction} %`, "middle")),
    label(
      (BOX.left + BOX.right) / 2,
      HEIGHT - 12,
      "of the training pictures of four classes; equally many images seen",
      "middle",
    ),
    // the names, two a row
    ...FAMILIES.flatMap(({ title }, i) => {
      const [left, top] = [BOX.left + (i % 2) * 290, 46 + 18 * Math.floor(i / 2)];
      return [`<path class="curve" ${stroke(i, "")} d="M${left} ${top}h16"/>`, label(left + 22, top + 4, title)];
    }),
    ...KINDS.flatMap(({ name, dash }, i) => {
      const left = BOX.left + i * 290;
      const line = `<path class="curve" style="stroke: var(--faint)"${dash === "" ? "" : ` stroke-dasharray="${dash}"`}`;
      return [`${line} d="M${left} 86h32"/>`, label(left + 38, 90, name)];
    }),
    ...curves.flatMap(({ index, dash, points }) => [
      ...(points.length > 1
        ? [
            `<path class="curve" ${stroke(index, dash)} d="M${points.map(({ at, top1 }) => `${px(x(at))} ${px(y.at(top1))}`).join("L")}"/>`,
          ]
        : []),
      ...points.map(
        ({ at, top1, margin }) =>
          `<path class="curve" ${stroke(index, "")} d="M${px(x(at))} ${px(y.at(top1 - margin))}V${px(y.at(top1 + margin))}"/>` +
          `<circle cx="${px(x(at))}" cy="${px(y.at(top1))}" r="3.5" style="fill: ${colour(index)}"/>`,
      ),
    ]),
  ]);
}
