import type { EpochReport } from "../../fit/progress.ts";
import { type Curve, linePlot } from "./lines.ts";

/** The curves of a run so far, by file name: `loss.svg`, `accuracy.svg`, `lr.svg`. */
export function runPlots(
  history: readonly EpochReport[],
): Readonly<Record<"loss.svg" | "accuracy.svg" | "lr.svg", string>> {
  const curve = (name: string, y: (report: EpochReport) => number | undefined): Curve => ({
    name,
    // Epochs without validation are passed over, they are no gaps.
    points: history.flatMap((report) => {
      const value = y(report);
      return value === undefined ? [] : [[report.epoch + 1, value] as const];
    }),
  });
  const withValues = (...curves: Curve[]) => {
    const some = curves.filter(({ points }) => points.length > 0);
    return some.length > 0 ? some : curves.slice(0, 1);
  };
  const xLabel = "epoch";
  return {
    "loss.svg": linePlot({
      title: "Loss",
      xLabel,
      curves: withValues(
        curve("training", ({ train }) => train.loss),
        curve("validation", ({ validation }) => validation?.loss),
      ),
    }),
    "accuracy.svg": linePlot({
      title: "Accuracy",
      xLabel,
      unit: "percent",
      curves: withValues(
        curve("training", ({ train }) => train.top1),
        curve("validation", ({ validation }) => validation?.top1),
        curve("validation, top 5", ({ validation }) => validation?.top5),
      ),
    }),
    "lr.svg": linePlot({ title: "Learning rate", xLabel, curves: [curve("learning rate", ({ lr }) => lr)] }),
  };
}
