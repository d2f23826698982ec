/** MODEL_CARD.md of packaged weights. */
import { basename } from "node:path";
import { type ClassifierReport, type ModelCardFacts, modelCard } from "@vitrail/train";
import type { DataSet } from "./data-sets.ts";
import type { Measured } from "./measure.ts";
import { FALSE_ALARMS } from "./open-set.ts";
import type { Report, RunReport } from "./report.ts";

/** What the card is written from. */
export interface CardParts {
  readonly set: DataSet;
  readonly report: Report;
  readonly test: ClassifierReport;
  readonly config: PackagedConfig;
  /** As `openWeights` takes it: `@vitrail/weights-cifar10`. */
  readonly weights: string;
  /** For people: what kinds of strangers there are, by name. */
  readonly titles: Readonly<Record<string, string>>;
}

/** The parts of config.json that are told. */
export interface PackagedConfig {
  readonly architecture: string;
  readonly label_names: readonly string[];
  readonly pretrained_cfg: {
    readonly tag: string;
    readonly input_size: readonly number[];
    readonly interpolation: string;
    readonly crop_pct: number;
    readonly mean: readonly number[];
    readonly std: readonly number[];
  };
}

/** Writes the card. The same report gives the same bytes. */
export function cardOf({ set, report, test, config, weights, titles }: CardParts): string {
  const { measured, run } = report;
  const facts: ModelCardFacts = {
    name: `${config.architecture}.${config.pretrained_cfg.tag}`,
    architecture: config.architecture,
    paper: paperOf(config.architecture),
    classes: config.label_names,
    license: "apache-2.0",
    ...baseOf(run),
    dataset: {
      name: set.title,
      id: set.id,
      images: { training: run.trained_on, "held out": measured.held_out.images },
    },
    split: "test",
    report: test,
    measured: rows(measured, titles),
    weights,
    epochs: Number.parseInt(run.epochs, 10),
    args: run.settings,
    environment: {
      command: run.command,
      "weights of epoch": run.epochs,
      seed: run.seed,
      commit: run.commit,
      engine: run.engine,
      cores: run.cores,
      time: run.time,
    },
    sections: {
      Data: set.about,
      Preprocessing: preprocessing(config),
      "How it was measured": `All figures are of the fp16 weights in this package, widened to fp32, by \`@vitrail/train\`'s evaluation on ${measured.engine}. The
log of the run, its curves and every figure above are in \`apps/trainer/results/${run.recipe}\` of the Vitrail repository (\`report.json\`);
\`npm run trainer -- check\` there holds this card against what each engine answers.`,
      Limits: limits(set, measured, config.label_names.length),
      "Licence and provenance": provenance(run),
    },
  };
  return modelCard(facts);
}

const percent = (value: number, digits = 2): string => `${(100 * value).toFixed(digits)} %`;
const whole = (value: number): string => value.toLocaleString("en-US");
const inWords = (n: number): string => (n === 10 ? "ten" : String(n));

function rows(measured: Measured, titles: Readonly<Record<string, string>>): Record<string, string> {
  const { held_out, temperature, open_set, test } = measured;
  const { chosen } = open_set;
  const { threshold, test_below, strangers } = open_set.scores[chosen];
  const classes = inWords(Object.keys(test.per_class).length);
  return {
    ...(temperature
      ? {
          [`calibration error, logits divided by ${temperature.value} (fitted on the held-out images)`]: percent(
            temperature.test_ece,
          ),
        }
      : {}),
    [`top-1 on the ${whole(held_out.images)} training images held out, which chose the epoch`]: percent(held_out.top1),
    [`open-set threshold (${chosen.replace("_", " ")})`]: `${threshold} (${percent(FALSE_ALARMS, 0)} of the held-out images fall below; ${percent(test_below, 1)} of the test images do)`,
    ...Object.fromEntries(
      Object.entries(strangers).map(([name, { images, auroc, called_none }]) => [
        `AUROC, test images against ${whole(images)} ${titles[name]}`,
        `${auroc.toFixed(3)}; ${percent(called_none, 0)} of these are called none of the ${classes}`,
      ]),
    ),
    parameters: whole(measured.parameters),
    "multiply-accumulates of a picture": `${measured.gmacs} G`,
    "model.safetensors": `fp16, ${whole(Math.round(measured.bytes / 1000))} kB`,
  };
}

/** Of the architecture. */
export function paperOf(architecture: string): string {
  return architecture.startsWith("vit") ? "https://arxiv.org/abs/2010.11929" : "https://arxiv.org/abs/1512.03385";
}

function preprocessing({ pretrained_cfg }: PackagedConfig): string {
  const { input_size, interpolation, crop_pct, mean, std } = pretrained_cfg;
  const side = input_size[1] as number;
  const resized = Math.floor(side / crop_pct);
  return `Shortest edge to ${resized} pixels (${interpolation}, antialiased, as Pillow), centre crop of ${side}, mean ${mean.join(", ")}, std ${std.join(", ")} on values 0 to 1.`;
}

function limits({ outside }: DataSet, { open_set }: Measured, classes: number): string {
  const score = open_set.chosen === "energy" ? "the energy score (log-sum-exp of the logits)" : "the largest logit";
  return `* A photo of anything else is forced into one of the ${inWords(classes)}, often with high confidence. Below the threshold on ${score}
  the answer says that it looks like none of the ${inWords(classes)}; the table says how often that catches a stranger: not often enough to rely on.
* ${outside} are outside of what it knows.
* Labels and their biases are the data set's. Not for decisions about people.`;
}

/** The weights that training began with, where it did not begin from scratch. */
function baseOf({ settings }: RunReport): Pick<ModelCardFacts, "baseModel"> {
  const { weights = "none", backbone_weights: backbone = "none" } = settings;
  const base = [weights, backbone].find((source) => source !== "none");
  return base === undefined ? {} : { baseModel: basename(String(base)) };
}

/** What the weights began from, and what taught them. */
function provenance({ settings, models }: RunReport): string {
  const said = (name: string): string | undefined => {
    if (settings[name] === undefined || settings[name] === "none") return undefined;
    return models[name] ? `${settings[name]} (a ${models[name]})` : String(settings[name]);
  };
  const backbone = said("backbone_weights");
  const teacher = [said("kd_model_name"), said("kd_weights")].filter((one) => one !== undefined).join(", ");
  const others = [
    ...(backbone ? [`its backbone began from ${backbone}`] : []),
    ...(teacher ? [`its teacher was ${teacher}`] : []),
  ];
  return `Weights: Apache-2.0, trained by this project from ${said("weights") ?? "random initialisation"}; ${others.join("; ") || "no other weights were used"}.`;
}
