import type { AnyModelSpec } from "@vitrail/classify";
import { openWeights, type PackagedModel } from "@vitrail/hub";
import type { WeightsSpec } from "@vitrail/layers";
import picomatch from "picomatch";
import { boxModels, tagOf } from "../box.ts";
import { cardIn } from "../card.ts";
import { colorsFor, print, say, table } from "../io.ts";
import { models as all } from "../models-table.ts";
import { didYouMean } from "../suggest.ts";
import { plain } from "../user-error.ts";

/** One model as `vitrail models --json` prints it. */
export interface ModelRow {
  readonly name: string;
  /** Parameters. */
  readonly params: number | null;
  /** Multiply-accumulates of one forward pass, in billions. */
  readonly gmacs: number | null;
  /** `[channels, height, width]` in pixels. */
  readonly input: readonly number[];
  readonly checkpoints: readonly {
    readonly tag: string;
    /** Its name on the hub; null for one in the box. */
    readonly hubId: string | null;
    /** Of one in the box, what `--weights` takes for it; null for one on the hub. */
    readonly package: string | null;
    /** Per cent on ImageNet-1k's validation images; of one in the box on the test images of `data`. */
    readonly top1: number | null;
    /** What it was trained on, where the model card in the box says it. */
    readonly data: string | null;
    readonly license: string;
    readonly source: string;
    readonly paper: string | null;
    readonly classes: number;
    readonly params: number;
    /** At the size of `preprocess`; null where nobody has counted. */
    readonly gmacs: number | null;
    /** The classes, of one in the box. */
    readonly labels: readonly string[] | null;
    /** What `top1` was measured with. */
    readonly preprocess: WeightsSpec["preprocess"];
  }[];
}

/** `vitrail models`. */
export async function models({ filter, json }: { filter?: string; json?: boolean }): Promise<number> {
  const names = Object.keys(all);
  const matches = filter === undefined ? () => true : picomatch(filter, { nocase: true });
  const box = await Promise.all(
    boxModels()
      .filter(({ config }) => Object.hasOwn(all, config.architecture))
      .map(boxed),
  );
  const rows = names.filter((name) => matches(name)).map((name) => rowOf(name, box));
  if (json) {
    print(JSON.stringify(rows, null, 2));
    return 0;
  }
  if (rows.length === 0) {
    say(`no model's name matches ${JSON.stringify(filter)}.${didYouMean(filter ?? "", names)}`);
    return 0;
  }
  const { bold, dim } = colorsFor(process.stdout);
  const lines = table(
    [["model", "params", "GMACs", "input", "checkpoint", "top-1", "licence", "source"]].concat(
      rows.flatMap((row) => {
        const head = [row.name, millions(row.params), billions(row.gmacs), row.input.slice(1).join(" × ")];
        if (row.checkpoints.length === 0) return [head];
        return row.checkpoints.map((c, i) => [
          ...(i === 0 ? head : ["", "", "", ""]),
          c.tag,
          accuracy(c.top1),
          c.license,
          c.package === null ? c.source : `in the box${c.data === null ? "" : `, ${c.data}`}`,
        ]);
      }),
    ),
    [false, true, true, false, false, true],
  );
  for (const [i, line] of lines.entries()) print(i === 0 ? bold(line) : line);
  print(dim(`${rows.length} ${rows.length === 1 ? "model" : "models"}`));
  showBox(rows);
  return 0;
}

/** Those that need no network: what they tell apart, and how to ask for them. */
function showBox(rows: readonly ModelRow[]): void {
  const found = rows.flatMap(({ name, checkpoints }) => checkpoints.map((one) => ({ name, ...one })));
  const box = found.filter((one) => one.package !== null);
  if (box.length === 0) return;
  const { bold } = colorsFor(process.stdout);
  const lines = table(
    [
      ["in the box", "model", "data", "top-1", "tells apart"],
      ...box.map(({ name, package: id, data, top1, labels }) => [
        `--weights ${id}`,
        name,
        data ?? "–",
        accuracy(top1),
        plain(labels === null ? "classes without names" : labels.join(", ")),
      ]),
    ],
    [false, false, false, true],
  );
  print("");
  for (const [i, line] of lines.entries()) print(i === 0 ? bold(line) : line);
}

/** [parameters, GMACs] of models without a known checkpoint, by this workspace's `summarize`; a test counts again. */
export const COUNTED: Readonly<Record<string, readonly [number, number]>> = {
  resnet20_cifar: [269_722, 0.0409],
  resnet32_cifar: [464_154, 0.0695],
  resnet44_cifar: [658_586, 0.098],
  resnet56_cifar: [853_018, 0.1266],
  resnet110_cifar: [1_727_962, 0.255],
  plain20_cifar: [269_722, 0.0409],
  plain32_cifar: [464_154, 0.0695],
  plain44_cifar: [658_586, 0.098],
  plain56_cifar: [853_018, 0.1266],
  vit_mini_r20_s4_32: [817_306, 0.0802],
  vit_tiny_patch32_224: [6_131_560, 0.3072],
  vit_large_patch32_224: [306_535_400, 15.3901],
};

/** A model in the box as one of its architecture's checkpoints. */
export interface Boxed {
  readonly architecture: string;
  readonly checkpoint: ModelRow["checkpoints"][number];
}

/** What the package and its card say of a model in the box, and how many values the checkpoint has. */
export async function boxed({ id, folder, config }: PackagedModel): Promise<Boxed> {
  const { architecture, labels, numClasses } = config;
  const [card, weights] = await Promise.all([cardIn(folder), openWeights(folder)]);
  const learned = [...weights.tensors].filter(([name]) => !/\.(running_(mean|var)|num_batches_tracked)$/.test(name));
  weights.close();
  const spec = all[architecture] as AnyModelSpec;
  const preprocess = config.preprocess ?? spec.preprocess;
  const counted = `${preprocess.inputSize}` === `${spec.preprocess.inputSize}` && config.modelArgs === undefined;
  return {
    architecture,
    checkpoint: {
      tag: tagOf(config),
      hubId: null,
      package: id,
      top1: card.top1 === null ? null : Math.round(1e4 * card.top1) / 100,
      data: card.data,
      license: config.license ?? card.license ?? "",
      source: `in the box: ${id}`,
      paper: card.paper,
      classes: numClasses,
      params: learned.reduce((sum, [, { shape }]) => sum + shape.reduce((product, side) => product * side, 1), 0),
      gmacs: counted ? (COUNTED[architecture]?.[1] ?? null) : null,
      labels: labels ?? null,
      preprocess,
    },
  };
}

/** What is known of a model, with those in the box that are of it first. */
export function rowOf(name: string, box: readonly Boxed[] = []): ModelRow {
  const spec = all[name] as AnyModelSpec;
  const known: readonly WeightsSpec[] = Object.values(spec.weights);
  // of the model with ImageNet-1k's classes: some checkpoints have others, or none
  const counted = known.find(({ numClasses, gmacs }) => numClasses === 1000 && gmacs !== null);
  const [params, gmacs] = counted ? [counted.params, counted.gmacs] : (COUNTED[name] ?? [null, null]);
  return {
    name,
    params,
    gmacs,
    input: spec.preprocess.inputSize,
    checkpoints: [
      ...box.filter(({ architecture }) => architecture === name).map(({ checkpoint }) => checkpoint),
      ...known.map(({ numClasses, ...said }) => ({
        ...said,
        package: null,
        data: null,
        classes: numClasses,
        labels: null,
      })),
    ],
  };
}

function accuracy(top1: number | null): string {
  return top1 === null ? "–" : `${top1.toFixed(1)} %`;
}

function millions(params: number | null): string {
  return params === null ? "–" : `${(params / 1e6).toFixed(params < 1e6 ? 2 : 1)} M`;
}

function billions(gmacs: number | null): string {
  return gmacs === null ? "–" : gmacs.toFixed(gmacs < 0.1 ? 3 : 2);
}
