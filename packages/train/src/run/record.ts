/** What a run writes down for people: events for TensorBoard and the clock while it goes, its judgement and a card at the end. */
import { appendFileSync } from "node:fs";
import { type EngineOptions, engineTitle } from "@vitrail/jit";
import type { BatchSource } from "../fit/data.ts";
import { type EvaluateOptions, type Evaluation, evaluate } from "../fit/evaluate.ts";
import type { FitCallbacks } from "../fit/options.ts";
import type { Progress } from "../fit/progress.ts";
import { crossEntropyOf, predictionOf, rankOf } from "../metrics/row.ts";
import { fitTemperature, type Temperature } from "../metrics/temperature.ts";
import { type ModelCardFacts, modelCard } from "./card.ts";
import type { RunFolder } from "./folder.ts";
import { confusionPlot } from "./plots/confusion-plot.ts";
import { reliabilityPlot } from "./plots/reliability-plot.ts";
import { runPlots } from "./plots/run-plots.ts";
import { type EventFile, openEventFile } from "./tensorboard/event-file.ts";
import { writeFailed } from "./whole-file.ts";

/** Files for people. */
export const RECORD_FILES = {
  events: "events.out.tfevents.vitrail",
  /** A line an epoch: its seconds, how many images it trained on, what computed. */
  timing: "timing.jsonl",
  evaluation: "evaluation.json",
  wrong: "wrong",
  card: "README.md",
} as const;

/** Points of a curve that is drawn update by update. */
const MOST_POINTS = 5000;

/**
 * Callbacks for `fit` that write events for TensorBoard, curves as SVG (`plots/`), and `timing.jsonl`. A run that goes on cuts off
 * events of updates that it does again.
 * @param updates of the whole run, as far as is known: of long ones not every update is an event
 */
export function recordRun(
  run: RunFolder,
  { updates }: { readonly updates: number },
): Required<Pick<FitCallbacks, "onStart" | "onStep" | "onEpoch">> & { close(): void } {
  const every = Math.max(1, Math.ceil(updates / MOST_POINTS));
  const path = run.path(RECORD_FILES.events);
  let events: EventFile | undefined;
  let began = performance.now();
  let images = 0;
  let imagesBefore = 0;
  let engine: string | undefined;
  return {
    onStart({ progress, engine: report }) {
      engine = engineTitle(report);
      events = openEventFile(path, { lastStep: progress.updates });
      began = performance.now();
    },
    onStep({ updates: step, loss, gradNorm, lr, imagesPerSecond, images: done }) {
      images = done;
      if (step % every !== 0) return;
      const scalars = {
        "loss/update": loss,
        "gradient norm": gradNorm,
        "learning rate": lr,
        "images a second": imagesPerSecond,
      };
      events?.append({ step, scalars });
    },
    async onEpoch(report) {
      const { epoch, train, validation, updates: step } = report;
      events?.append({
        step,
        scalars: {
          "loss/train": train.loss,
          ...(train.top1 === undefined ? {} : { "accuracy/train": train.top1 }),
          ...(validation
            ? {
                "loss/validation": validation.loss,
                "accuracy/validation": validation.top1,
                "accuracy/validation top 5": validation.top5,
              }
            : {}),
          epoch: epoch + 1,
        },
      });
      events?.sync();
      const seconds = (performance.now() - began) / 1000;
      const line = { epoch, seconds: round(seconds), images: images - imagesBefore, engine };
      append(run.path(RECORD_FILES.timing), `${JSON.stringify(line)}\n`);
      began = performance.now();
      imagesBefore = images;
    },
    close: () => events?.close(),
  };
}

const round = (x: number): number => Math.round(x * 100) / 100;

function append(path: string, line: string): void {
  try {
    appendFileSync(path, line);
  } catch (error) {
    throw writeFailed(path, error);
  }
}

/** A validation image as a file of its own, for the folder of the wrongest. */
export interface Picture {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** ".jpg" */
  readonly extension: string;
}

/** What {@link concludeRun} judges and tells. */
export interface ConcludeOptions extends EngineOptions {
  /** With the best weights. */
  readonly model: Parameters<typeof evaluate>[0];
  readonly validation: BatchSource;
  /** In the order of the logits. */
  readonly classes: readonly string[];
  readonly progress: Progress;
  /** For the card. */
  readonly card: Omit<ModelCardFacts, "classes" | "report" | "temperature" | "epochs" | "updates" | "plots">;
  /** A validation image by its index; without it no pictures are copied. */
  readonly picture?: (index: number) => Promise<Picture | undefined>;
  readonly onProgress?: EvaluateOptions["onProgress"];
}

/** How the best weights do. */
export interface Conclusion extends Evaluation {
  /** Undefined where answers would fill the memory. */
  readonly temperature: Temperature | undefined;
}

interface Wrong {
  readonly index: number;
  readonly label: number;
  readonly predicted: number;
  readonly confidence: number;
  readonly loss: number;
}

const MOST_WRONG = 24;
/** Logits that are kept to fit a temperature: 400 MB. */
const MOST_LOGITS = 1e8;

/**
 * Judges the best weights on the validation images and writes `evaluation.json`, plots, the images that the model gets most wrong
 * (`wrong/`, with `wrong.json`), and a model card (`README.md`). The same run writes the same bytes.
 */
export async function concludeRun(
  run: RunFolder,
  { model, validation, classes, progress, card, picture, onProgress, ...engine }: ConcludeOptions,
): Promise<Conclusion> {
  const kept =
    validation.length * classes.length <= MOST_LOGITS
      ? new Float32Array(validation.length * classes.length)
      : undefined;
  const labels: number[] = [];
  let wrong: Wrong[] = [];
  const evaluation = await evaluate(model, validation, {
    ...engine,
    ...(onProgress ? { onProgress } : {}),
    onAnswer({ index, label, logits }) {
      kept?.set(logits, labels.length * classes.length);
      labels.push(label);
      if (rankOf(logits, label) === 0) return;
      wrong.push({ index, label, ...predictionOf(logits), loss: crossEntropyOf(logits, label) });
      if (wrong.length > 2 * MOST_WRONG) wrong = worst(wrong);
    },
  });
  const temperature = kept && fitTemperature(kept.subarray(0, labels.length * classes.length), labels);
  const plots: Record<string, string> = {
    ...runPlots(progress.history),
    "reliability.svg": reliabilityPlot(evaluation.calibration),
  };
  if (evaluation.confusion) plots["confusion.svg"] = confusionPlot(evaluation.confusion, { classes });
  for (const [name, svg] of Object.entries(plots)) await run.write(`plots/${name}`, svg);
  const { images, loss, top1, top5, macro, calibration, perClass } = evaluation;
  const judged = {
    images,
    top1,
    top5,
    loss,
    ece: calibration.ece,
    ...(temperature && !temperature.atBound ? { temperature: temperature.temperature } : {}),
    macro,
    perClass: Object.fromEntries(perClass.map((one, k) => [classes[k] ?? String(k), one])),
  };
  await run.write(RECORD_FILES.evaluation, `${JSON.stringify(judged, null, 2)}\n`);
  await writeWrong(run, worst(wrong), classes, picture);
  const best = progress.best ? progress.best.epoch + 1 : progress.epoch;
  await run.write(
    RECORD_FILES.card,
    modelCard({
      ...card,
      classes,
      report: evaluation,
      ...(temperature && !temperature.atBound ? { temperature: temperature.temperature } : {}),
      epochs: best,
      updates: progress.history[best - 1]?.updates ?? progress.updates,
      plots: {
        Loss: "plots/loss.svg",
        Accuracy: "plots/accuracy.svg",
        ...(evaluation.confusion ? { "Confusion matrix": "plots/confusion.svg" } : {}),
        Reliability: "plots/reliability.svg",
      },
    }),
  );
  return { ...evaluation, temperature };
}

/** The worst first; of equally bad ones the first image. */
const worst = (wrong: readonly Wrong[]): Wrong[] =>
  [...wrong].sort((a, b) => b.loss - a.loss || a.index - b.index).slice(0, MOST_WRONG);

async function writeWrong(
  run: RunFolder,
  wrong: readonly Wrong[],
  classes: readonly string[],
  picture: ConcludeOptions["picture"],
): Promise<void> {
  const rows: Record<string, unknown>[] = [];
  for (const [i, { index, label, predicted, confidence, loss }] of wrong.entries()) {
    const found = await picture?.(index);
    const file = found ? `${String(i + 1).padStart(2, "0")}${found.extension}` : undefined;
    if (found && file) await run.write(`${RECORD_FILES.wrong}/${file}`, found.bytes);
    rows.push({
      ...(file ? { file: `${RECORD_FILES.wrong}/${file}`, image: found?.name } : { index }),
      label: classes[label],
      predicted: classes[predicted],
      confidence: Number(confidence.toPrecision(6)),
      loss: Number(loss.toPrecision(6)),
    });
  }
  await run.write("wrong.json", `${JSON.stringify(rows, null, 2)}\n`);
}
