/** Everything that a card says, measured on the weights that ship. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openDataset } from "@vitrail/data";
import { hostTensors, wilsonInterval } from "@vitrail/jit";
import { summarize } from "@vitrail/layers";
import { type ClassifierReport, classifierMetrics, fitTemperature } from "@vitrail/train";
import { openModel } from "../../../cli/src/open-model.ts";
import { splitNamed } from "../../../cli/src/train/pictures.ts";
import { share } from "../recipe-file.ts";
import { type Answers, answersOf, rowsOf } from "./answers.ts";
import type { DataSet } from "./data-sets.ts";
import { type OpenSetReport, openSetOf } from "./open-set.ts";
import type { HeldOut } from "./source.ts";
import { strangersTo } from "./strangers.ts";

/** So many of the first test pictures have their answers written down, for a test that is quick. */
export const ANSWERS = 200;

/** The model's worth, as plain data. Shares are fractions, to four digits. */
export interface Measured {
  readonly model: string;
  /** Of model.safetensors. */
  readonly sha256: string;
  readonly bytes: number;
  readonly parameters: number;
  readonly gmacs: number;
  readonly engine: string;
  readonly test: Judged & {
    readonly interval_95: readonly [number, number];
    readonly per_class: Readonly<Record<string, { readonly images: number; readonly right: number }>>;
  };
  /** Training pictures that were never trained on. */
  readonly held_out: Judged;
  /** Fitted on the held-out pictures: what logits divided by are more honest; undefined where they do not tell. */
  readonly temperature?: {
    readonly value: number;
    readonly held_out_ece: number;
    readonly test_ece: number;
  };
  readonly open_set: OpenSetReport;
  /** Class indices of the answers to the first test pictures, with blanks between. */
  readonly first_answers: string;
}

export interface Judged {
  readonly images: number;
  readonly right: number;
  readonly top1: number;
  /** Mean cross-entropy, in nats. */
  readonly loss: number;
  /** Expected calibration error, 15 bins. */
  readonly ece: number;
}

/** What is measured on. */
export interface Pictures {
  readonly set: DataSet;
  readonly data: string;
  readonly heldOut: HeldOut;
  readonly shared: string;
}

/** Measures the weights folder `folder`. */
export async function measure(
  folder: string,
  { set, data, heldOut, shared }: Pictures,
  onNote: (line: string) => void,
): Promise<{ readonly measured: Measured; readonly test: ClassifierReport; readonly titles: Record<string, string> }> {
  const { model, preprocess, labels = [] } = await openModel({ weights: folder });
  const dataset = await openDataset(data, { classes: labels });
  const strangers = await strangersTo(set, shared);
  try {
    if (heldOut.classes.join() !== labels.join()) {
      throw new Error(`${data}: expected the classes ${labels.join(", ")}, found ${heldOut.classes.join(", ")}`);
    }
    const split = splitNamed(dataset, ["test"], data);
    const asked = { model, preprocess };
    const ask = async (what: string, of: typeof split) => {
      onNote(`${what}: ${of.length} pictures`);
      return answersOf(asked, of);
    };
    const held = await ask("held out", heldOut.split);
    const test = await ask("test", split);
    const unknown: Record<string, Answers> = {};
    for (const one of strangers) unknown[one.name] = await ask(one.title, one.split);
    const fitted = fitTemperature(held.logits, held.labels);
    const temperature = fitted.atBound ? undefined : temperatureOf(share(fitted.temperature), held, test);
    const report = reportOf(test);
    const bytes = readFileSync(join(folder, "model.safetensors"));
    const [, height, width] = preprocess.inputSize;
    const { params, gmacs } = hostTensors(() => summarize(model, [height, width, 3])); // traced: nothing is computed
    const [low, high] = wilsonInterval(report.top1, report.images);
    const measured: Measured = {
      model: JSON.parse(readFileSync(join(folder, "config.json"), "utf8")).architecture,
      sha256: createHash("sha256").update(bytes).digest("hex"),
      bytes: bytes.length,
      parameters: params,
      gmacs: Number(gmacs.toPrecision(3)),
      engine: test.engine,
      test: {
        ...judged(report),
        interval_95: [share(low), share(high)],
        per_class: Object.fromEntries(
          report.perClass.map(({ support, correct }, k) => [labels[k], { images: support, right: correct }]),
        ),
      },
      held_out: judged(reportOf(held)),
      ...(temperature ? { temperature } : {}),
      open_set: openSetOf(held, test, unknown),
      first_answers: rowsOf(test)
        .slice(0, ANSWERS)
        .map((row) => row.indexOf(Math.max(...row)))
        .join(" "),
    };
    return { measured, test: report, titles: Object.fromEntries(strangers.map(({ name, title }) => [name, title])) };
  } finally {
    await Promise.all(strangers.map((one) => one.dispose()));
    await dataset.dispose();
    model.dispose();
  }
}

function reportOf({ logits, labels, classes }: Answers, temperature = 1): ClassifierReport {
  const metrics = classifierMetrics({ classes, temperature });
  metrics.add(logits, labels);
  return metrics.report();
}

function judged({ images, top1, loss, calibration }: ClassifierReport): Judged {
  return {
    images,
    right: Math.round(top1 * images),
    top1: share(top1),
    loss: share(loss),
    ece: share(calibration.ece),
  };
}

/** Where it makes held-out pictures' probabilities no more honest it is not worth telling. */
function temperatureOf(value: number, held: Answers, test: Answers): Measured["temperature"] {
  const eceOf = (answers: Answers, t?: number) => share(reportOf(answers, t).calibration.ece);
  if (eceOf(held, value) >= eceOf(held)) return undefined;
  return { value, held_out_ece: eceOf(held, value), test_ece: eceOf(test, value) };
}
