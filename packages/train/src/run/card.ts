/** A model card: what a run made, in the form that model hubs show (https://huggingface.co/docs/hub/model-cards). */
import { wilsonInterval } from "@vitrail/jit";
import { stringify } from "yaml";
import type { ClassifierReport } from "../metrics/classifier.ts";
import { mostConfused } from "../metrics/confusion.ts";

/** What a card tells. What is not given is left out, nothing is guessed. */
export interface ModelCardFacts {
  /** Of the model: the run's folder, or the repository. */
  readonly name: string;
  /** timm's name of the architecture. */
  readonly architecture: string;
  /** The address of the paper that describes it. */
  readonly paper?: string;
  /** In the order of the logits. */
  readonly classes: readonly string[];
  /** The weights that training began from: a name on the hub, or "org/repo". */
  readonly baseModel?: string;
  readonly license?: string;
  readonly dataset?: {
    readonly name: string;
    /** Its name on the hub, "org/repo". */
    readonly id?: string;
    /** Images by split. */
    readonly images?: Readonly<Record<string, number>>;
  };
  /** Further tags. */
  readonly tags?: readonly string[];
  /** Which split `report` is of. Default "validation". */
  readonly split?: string;
  readonly report?: ClassifierReport;
  /** A fitted temperature: logits divided by it give honest probabilities. */
  readonly temperature?: number;
  /** What else was measured, as further rows of the results, in Markdown. */
  readonly measured?: Readonly<Record<string, string>>;
  readonly epochs?: number;
  readonly updates?: number;
  /** The resolved settings, by timm's names. */
  readonly args?: Readonly<Record<string, unknown>>;
  /** Versions and engine. */
  readonly environment?: Readonly<Record<string, unknown>>;
  /** Files beside the card that it shows, by what they show: `{ Loss: "loss.svg" }`. */
  readonly plots?: Readonly<Record<string, string>>;
  /** Where the weights are, for the command that uses them. Default: `name`. */
  readonly weights?: string;
  /** Further sections by their titles, in Markdown, after the training. */
  readonly sections?: Readonly<Record<string, string>>;
}

/** As many of the worst classes and pairs are listed. */
const MOST_LISTED = 10;
/** As many names of classes are. */
const MOST_CLASSES = 200;

/** README.md of a weights folder: front matter in YAML, then Markdown. No times in it. */
export function modelCard(facts: ModelCardFacts): string {
  const sections = [
    intro(facts),
    results(facts),
    plots(facts),
    use(facts),
    training(facts),
    further(facts),
    classes(facts),
  ];
  return `---\n${stringify(frontMatter(facts), { lineWidth: 0 })}---\n\n${sections.flat().join("\n")}`;
}

function frontMatter({ name, license, baseModel, dataset, tags = [], report, split = "validation" }: ModelCardFacts) {
  const metrics = report && [
    { type: "accuracy", value: report.top1, name: "top-1 accuracy" },
    ...(report.perClass.length > 5 ? [{ type: "accuracy", value: report.top5, name: "top-5 accuracy" }] : []),
    { type: "f1", value: report.macro.f1, name: "macro F1" },
  ];
  return {
    ...(license ? { license } : {}),
    library_name: "vitrail",
    pipeline_tag: "image-classification",
    tags: [...new Set(["image-classification", "vitrail", ...tags])],
    ...(baseModel ? { base_model: baseModel } : {}),
    ...(dataset?.id ? { datasets: [dataset.id] } : {}),
    ...(metrics ? { metrics: ["accuracy", "f1"] } : {}),
    ...(metrics && dataset
      ? {
          "model-index": [
            {
              name,
              results: [
                {
                  task: { type: "image-classification" },
                  dataset: { name: dataset.name, type: dataset.id ?? "imagefolder", split },
                  metrics,
                },
              ],
            },
          ],
        }
      : {}),
  };
}

function intro({
  name,
  architecture,
  paper,
  classes: names,
  baseModel,
  dataset,
  report,
  split = "validation",
}: ModelCardFacts): string[] {
  const from = baseModel ? `, fine-tuned from ${code(baseModel)}` : ", trained from scratch";
  const on = dataset ? ` on ${plain(dataset.name)}` : "";
  const scored = report
    ? ` It finds the right class of ${percent(report.top1)} of ${report.images} ${split} images.`
    : "";
  return [
    `# ${plain(name)}`,
    "",
    `${code(architecture)}${paper ? ` (${paper})` : ""}${from}${on}: ${count(names.length, "class", "classes")}.${scored}`,
    "",
  ];
}

function results({
  report,
  split = "validation",
  temperature,
  measured = {},
  classes: names,
}: ModelCardFacts): string[] {
  if (!report) return [];
  const [low, high] = wilsonInterval(report.top1, report.images).map((share) => (100 * share).toFixed(2));
  const rows: [string, string][] = [
    [
      `top-1 on the ${report.images.toLocaleString("en-US")} ${plain(split)} images`,
      `**${percent(report.top1)}** (95 % interval ${low} to ${high}, Wilson)`,
    ],
    ...(names.length > 5 ? [["top-5 accuracy", percent(report.top5)] as [string, string]] : []),
    ["mean accuracy of the classes", percent(report.macro.balancedAccuracy)],
    ["macro F1", percent(report.macro.f1)],
    ["loss (nats)", report.loss.toFixed(4)],
    [`expected calibration error, ${report.calibration.bins.length} bins`, percent(report.calibration.ece)],
    ...(temperature === undefined ? [] : [["fitted temperature", temperature.toFixed(3)] as [string, string]]),
    ...Object.entries(measured),
  ];
  return [`## Results (${plain(split)})`, "", ...table(["", ""], rows), "", ...worst(report, names)];
}

function worst({ perClass, confusion }: ClassifierReport, names: readonly string[]): string[] {
  const named = (k: number) => plain(names[k] ?? `class ${k}`);
  const weakest = perClass
    .map((one, k) => ({ ...one, k }))
    .filter(({ support, recall }) => support > 0 && recall < 1)
    .sort((a, b) => a.recall - b.recall)
    .slice(0, MOST_LISTED)
    .map(({ k, recall, precision, f1, support }) => {
      return [named(k), percent(recall), percent(precision), percent(f1), String(support)];
    });
  const pairs = confusion ? mostConfused(confusion, MOST_LISTED) : [];
  const heads = ["class", "recall", "precision", "F1", "images"];
  return [
    ...(weakest.length > 0 ? ["The weakest classes:", "", ...table(heads, weakest), ""] : []),
    ...(pairs.length > 0 ? ["What is taken for what:", ""] : []),
    ...(pairs.length > 0
      ? [
          ...table(
            ["class", "answer", "images"],
            pairs.map(({ label, predicted, count: n }) => [named(label), named(predicted), String(n)]),
          ),
          "",
        ]
      : []),
  ];
}

function plots({ plots: files = {} }: ModelCardFacts): string[] {
  return Object.entries(files).flatMap(([name, file]) => [`![${plain(name)}](${encodeURI(file)})`, ""]);
}

function use({ name, weights = name }: ModelCardFacts): string[] {
  const path = /^[\w./@-]+$/.test(weights) ? weights : JSON.stringify(weights);
  return ["## Use", "", ...fence("sh", `npx vitrail classify photo.jpg --weights ${path}`), ""];
}

function training({ dataset, epochs, updates, args, environment }: ModelCardFacts): string[] {
  const images = Object.entries(dataset?.images ?? {}).map(([split, n]) => `${split}: ${count(n, "image", "images")}`);
  const length = [
    ...(epochs === undefined ? [] : [count(epochs, "epoch", "epochs")]),
    ...(updates === undefined ? [] : [count(updates, "update", "updates")]),
  ];
  const facts = [images.join(", "), length.join(", ")].filter((fact) => fact !== "");
  if (facts.length === 0 && !args && !environment) return [];
  return [
    "## Training",
    "",
    ...(facts.length > 0 ? [`${plain(facts.join("; "))}.`, ""] : []),
    ...(args ? [...fence("yaml", stringify(args).trimEnd()), ""] : []),
    ...(environment ? ["Environment:", "", ...fence("yaml", stringify(environment).trimEnd()), ""] : []),
  ];
}

function further({ sections = {} }: ModelCardFacts): string[] {
  return Object.entries(sections).flatMap(([title, text]) => [`## ${plain(title)}`, "", text.trim(), ""]);
}

function classes({ classes: names }: ModelCardFacts): string[] {
  const more = names.length > MOST_CLASSES ? `, … (${names.length} in all, in \`config.json\`)` : "";
  return ["## Classes", "", `${names.slice(0, MOST_CLASSES).map(plain).join(", ")}${more}`, ""];
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
const count = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`;

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(heads), line(heads.map((_, i) => (i === 0 ? "---" : "---:"))), ...rows.map(line)];
}

/** A block that its content cannot close. */
function fence(language: string, content: string): string[] {
  const longest = Math.max(2, ...[...content.matchAll(/`+/g)].map(([run]) => run.length));
  const mark = "`".repeat(longest + 1);
  return [`${mark}${language}`, content, mark];
}

/** Text in one line that Markdown leaves as it is. */
const plain = (text: string): string => text.replace(/\s+/g, " ").replace(/[\\`*_{}[\]<>#|~&]/g, "\\$&");

/** A name as it is. */
const code = (name: string): string => `\`${name.replaceAll("`", "'")}\``;
