/** `vitrail eval`: a model's answers to pictures whose classes are known. */
import { createLoader } from "@vitrail/data";
import { type Precision, type Quantized, quantize } from "@vitrail/jit";
import { type ClassReport, type Evaluation, evaluate, fitTemperature, mostConfused } from "@vitrail/train";
import { asksForPhotos, calibrationPhotos } from "../calibration.ts";
import type { EvalCommand } from "../commands/eval.ts";
import { type ChosenEngine, startEngine } from "../engine-choice.ts";
import { colorsFor, print, table } from "../io.ts";
import { type OpenedModel, openModel } from "../open-model.ts";
import { plain, UserError } from "../user-error.ts";
import { openBar } from "./bar.ts";
import { reasonOf, sayBroken } from "./broken.ts";
import { type Judged, openJudged } from "./judged.ts";
import { namesIn } from "./rules.ts";

/** What `vitrail eval --json` prints. Shares are fractions. */
export interface EvalRow {
  readonly model: string;
  /** Null for random ones. */
  readonly weights: string | null;
  readonly data: string;
  readonly split: string;
  readonly top1: number;
  /** 1 where there are no more than five classes. */
  readonly top5: number;
  readonly images: number;
  /** From the first picture to the last answer, reading included. */
  readonly imagesPerSecond: number;
  /** Mean cross-entropy, in nats. */
  readonly loss: number;
  /** Expected calibration error, 15 bins. */
  readonly ece: number;
  /** What the logits divided by are honest probabilities; null where these pictures do not tell. */
  readonly temperature: number | null;
  readonly macro: Evaluation["macro"];
  readonly perClass: Readonly<Record<string, ClassReport>>;
  /** Left out. */
  readonly bad: readonly { readonly name: string; readonly reason: string }[];
  readonly engine: string;
  readonly provider: string | null;
  readonly precision: Precision;
}

/** Runs `vitrail eval` and gives its exit status. */
export async function runEvaluation(options: EvalCommand, onNote: (line: string) => void): Promise<number> {
  const { weights, model, json = false } = options;
  if (weights === undefined && model === undefined) {
    throw new UserError("expected a model to judge: --weights PATH (a run's folder, say) or --model NAME");
  }
  checkPrecision(options);
  const bar = await openBar(!json);
  const note = (line: string) => bar.aside(() => onNote(line));
  const engine = await startEngine(options);
  const opened = await openModel(options);
  let judged: Judged | undefined;
  try {
    if (opened.model.numClasses === 0) throw new UserError(`${opened.weights}: this model has no classifier to judge`);
    const { seed, data, split, limit, onBad } = options;
    const { labels } = opened;
    judged = await openJudged({
      ...{ data, split, limit, seed, onBad, labels, keep: namesIn(options.classes) },
      numClasses: opened.model.numClasses,
      onNote: note,
      onCheck: (done, of) => bar.show(done, of, `looking at pictures, ${done} of ${of}`),
    });
    const row = await judge(opened, judged, options, engine, note, bar.show.bind(bar));
    bar.end();
    if (json) print(JSON.stringify(row.json, null, 2));
    else show(row.json, row.evaluation, judged.classes);
    return 0;
  } finally {
    bar.end();
    await judged?.dataset.dispose();
    opened.model.dispose();
  }
}

function checkPrecision({ precision = "fp32", calibrate, engine, backend }: EvalCommand): void {
  if (calibrate !== undefined && precision !== "int8") {
    throw new UserError("--calibrate goes with --precision int8: the others need no photos");
  }
  if (precision !== "fp32" && (engine === "tfjs" || backend !== undefined)) {
    throw new UserError(`--precision ${precision} needs engine ort or ort-web: engine tfjs computes in fp32`);
  }
}

/** The model as it is judged: as it is, or with its weights rounded. */
async function rounded(
  { model, preprocess }: OpenedModel,
  { precision = "fp32", calibrate }: EvalCommand,
  engine: ChosenEngine,
  onNote: (line: string) => void,
): Promise<OpenedModel["model"] | Quantized> {
  if (precision === "fp32") return model;
  const [, height, width] = preprocess.inputSize;
  const photos = calibrate === undefined ? undefined : await calibrationPhotos(calibrate, preprocess, onNote);
  const calibration = photos && [...photos.calibration, ...photos.validation]; // the data is what judges
  return quantize(model, { ...engine, input: [null, height, width, 3], precision, calibration, onNote }).catch(
    (error: Error) => {
      throw asksForPhotos(error, calibrate);
    },
  );
}

/** Of ViTs, a batch is some hundred MB. */
export const batchFor = (side: number): number => (side >= 160 ? 16 : 64);
/** Logits that are kept to fit a temperature: 400 MB. */
const MOST_LOGITS = 1e8;

async function judge(
  opened: OpenedModel,
  { split, classes }: Judged,
  options: EvalCommand,
  engine: ChosenEngine,
  onNote: (line: string) => void,
  onProgress: (done: number, of: number, what: string) => void,
): Promise<{ json: EvalRow; evaluation: Evaluation }> {
  const { name, weights, preprocess } = opened;
  const { data, precision = "fp32" } = options;
  const model = await rounded(opened, options, engine, onNote);
  const [, side] = preprocess.inputSize;
  const loader = createLoader({
    split,
    transform: { kind: "eval", preprocess },
    batchSize: batchFor(side),
    numClasses: classes.length,
    onBad: "skip", // with --on-bad fail there are none left
  });
  try {
    const kept =
      split.length * classes.length <= MOST_LOGITS ? new Float32Array(split.length * classes.length) : undefined;
    const known: number[] = [];
    const began = performance.now();
    const evaluation = await evaluate(model, loader, {
      ...engine,
      onAnswer({ label, logits }) {
        kept?.set(logits, known.length * classes.length);
        known.push(label);
      },
      onProgress(done) {
        const speed = (1000 * done) / (performance.now() - began);
        onProgress(done, split.length, `${done} of ${split.length} pictures  ${speed.toFixed(1)} a second`);
      },
    }).catch((error: Error) => {
      const all = loader.bad.length === split.length;
      throw all
        ? new UserError(`none of the ${split.length} pictures can be read: ${loader.bad.map(reasonOf)[0]}`)
        : error;
    });
    sayBroken(loader.bad.map(reasonOf), split.length, onNote);
    const fitted = kept && fitTemperature(kept.subarray(0, known.length * classes.length), known);
    const { top1, top5, images, imagesPerSecond, loss, calibration, macro, perClass } = evaluation;
    const json: EvalRow = {
      model: name,
      weights: weights ?? null,
      data,
      split: split.name,
      top1,
      top5,
      images,
      imagesPerSecond,
      loss,
      ece: calibration.ece,
      temperature: fitted && !fitted.atBound ? fitted.temperature : null,
      macro,
      perClass: Object.fromEntries(perClass.map((one, k) => [classes[k] as string, one])),
      bad: loader.bad.map((one) => ({ name: one.name, reason: one.reason })),
      engine: evaluation.engine.engine,
      provider: evaluation.engine.provider ?? null,
      precision,
    };
    return { json, evaluation };
  } finally {
    await loader.dispose();
  }
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
/** Lines of a list that anybody reads. */
const MOST = 8;

function show(row: EvalRow, { perClass, confusion }: Evaluation, classes: readonly string[]): void {
  const { bold, dim } = colorsFor(process.stdout);
  const { images, top1, top5, loss, ece, temperature, imagesPerSecond, engine, provider, precision, macro } = row;
  const by = [...(provider ? [provider] : []), ...(precision === "fp32" ? [] : [precision])].join(", ");
  print(bold(`${row.model} on ${plain(row.data)}, split ${plain(row.split)}: ${percent(top1)} right`));
  const facts: string[][] = [
    ["top-1", percent(top1), `${Math.round(top1 * images)} of ${images} pictures`],
    ...(classes.length > 5 ? [["top-5", percent(top5), `${Math.round(top5 * images)} of ${images} pictures`]] : []),
    ["classes, each counting the same", percent(macro.balancedAccuracy), ""],
    ["loss", loss.toFixed(4), "nats"],
    ["calibration error", percent(ece), temperature === null ? "" : `best with logits / ${temperature.toFixed(2)}`],
    ["speed", imagesPerSecond.toFixed(1), `pictures a second, ${engine}${by ? ` (${by})` : ""}`],
  ];
  for (const line of table(facts, [false, true])) print(`  ${line}`);
  const met = perClass
    .map((one, k) => ({ ...one, name: plain(classes[k] as string) }))
    .filter((one) => one.support > 0);
  const weak = met.filter((one) => one.recall < 1).sort((a, b) => a.recall - b.recall);
  if (weak.length > 0) {
    print("");
    const rows = weak
      .slice(0, MOST)
      .map(({ name, recall, precision, correct, support }) => [
        name,
        percent(recall),
        `${correct} of ${support}`,
        percent(precision),
      ]);
    table([["weakest classes", "found", "", "precision"], ...rows], [false, true, true, true]).forEach((line, i) => {
      print(`  ${i === 0 ? dim(line) : line}`);
    });
  }
  const pairs = confusion ? mostConfused(confusion, MOST) : [];
  if (pairs.length > 0) {
    print("");
    const named = (k: number) => plain(classes[k] as string);
    const rows = pairs.map(({ label, predicted, count }) => [named(label), named(predicted), String(count)]);
    table([["class", "taken for", "pictures"], ...rows], [false, false, true]).forEach((line, i) => {
      print(`  ${i === 0 ? dim(line) : line}`);
    });
  }
}
