/** The study's table as curves. */
import { type Curve, linePlot } from "@vitrail/train";
import { FAMILIES, FRACTIONS, TRANSFER_CLASSES } from "./plan.ts";
import { cellOf, type Result } from "./results.ts";

const KINDS = [
  { kind: "transfer", name: "pretrained", dashed: false },
  { kind: "scratch", name: "from scratch", dashed: true },
] as const;

/** A colour a network; solid where it was pretrained, dashed from scratch. An SVG document for light and dark ground. */
export function plot(results: readonly Result[]): string {
  const curves = FAMILIES.flatMap(({ name, title, hub }, colour) =>
    KINDS.filter(({ kind }) => kind === "transfer" || hub === undefined).map(({ kind, name: how, dashed }): Curve => {
      const cells = FRACTIONS.flatMap((fraction, i) => {
        const cell = cellOf(results, name, kind, fraction);
        return cell ? [{ at: i, ...cell }] : [];
      });
      return {
        name: `${title.split(",")[0]}, ${how}`, // the table says the rest of its title
        colour,
        dashed,
        points: cells.map(({ at, top1 }) => [at, top1] as const),
        margins: cells.map(({ margin }) => margin),
      };
    }),
  );
  return linePlot({
    title: `${TRANSFER_CLASSES.join(", ")}: right answers by training data`,
    xLabel: "of the training pictures of four classes; equally many images seen",
    unit: "percent",
    xTicks: FRACTIONS.map((fraction, value) => ({ value, label: `${100 * fraction} %` })),
    curves,
  });
}
