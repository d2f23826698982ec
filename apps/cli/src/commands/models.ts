import type { AnyModelSpec } from "@vitrail/classify";
import type { WeightsSpec } from "@vitrail/layers";
import { resnet20_cifar } from "@vitrail/resnet";
import picomatch from "picomatch";
import { BOX_MODEL } from "../box.ts";
import { colorsFor, print, say, table } from "../io.ts";
import { models as all } from "../models-table.ts";
import { didYouMean } from "../suggest.ts";

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
    readonly hubId: string | null;
    /** Per cent on ImageNet-1k's validation images, except where `source` says otherwise. */
    readonly top1: number | null;
    readonly license: string;
    readonly source: string;
    readonly paper: string | null;
    readonly classes: number;
    readonly params: number;
    readonly gmacs: number | null;
    /** What `top1` was measured with. */
    readonly preprocess: WeightsSpec["preprocess"];
  }[];
}

/** `vitrail models`. */
export function models({ filter, json }: { filter?: string; json?: boolean }): number {
  const names = Object.keys(all);
  const matches = filter === undefined ? () => true : picomatch(filter, { nocase: true });
  const rows = names.filter((name) => matches(name)).map(rowOf);
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
          c.top1 === null ? "–" : `${c.top1.toFixed(1)} %`,
          c.license,
          c.source,
        ]);
      }),
    ),
    [false, true, true, false, false, true],
  );
  for (const [i, line] of lines.entries()) print(i === 0 ? bold(line) : line);
  print(dim(`${rows.length} ${rows.length === 1 ? "model" : "models"}`));
  return 0;
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

/** The checkpoint that is installed together with this command; its score is on CIFAR-10's test images (see its model card). */
export const BOX: ModelRow["checkpoints"][number] = {
  tag: "vitrail_cifar10",
  hubId: null,
  top1: 87.1,
  license: "apache-2.0",
  source: "in the box: @vitrail/weights-cifar10 (top-1 on CIFAR-10)",
  paper: "https://arxiv.org/abs/1512.03385",
  classes: 10,
  params: 269_722,
  gmacs: 0.0409,
  preprocess: resnet20_cifar.preprocess,
};

/** What is known of a model. */
export function rowOf(name: string): ModelRow {
  const spec = all[name] as AnyModelSpec;
  const known: readonly WeightsSpec[] = Object.values(spec.weights);
  // of the model with ImageNet-1k's classes: some checkpoints have others, or none
  const counted = known.find(({ numClasses, gmacs }) => numClasses === 1000 && gmacs !== null);
  const checkpoints = known.map(({ numClasses, ...said }) => ({ ...said, classes: numClasses }));
  const [params, gmacs] = counted ? [counted.params, counted.gmacs] : (COUNTED[name] ?? [null, null]);
  return {
    name,
    params,
    gmacs,
    input: spec.preprocess.inputSize,
    checkpoints: name === BOX_MODEL ? [BOX, ...checkpoints] : checkpoints,
  };
}

function millions(params: number | null): string {
  return params === null ? "–" : `${(params / 1e6).toFixed(params < 1e6 ? 2 : 1)} M`;
}

function billions(gmacs: number | null): string {
  return gmacs === null ? "–" : gmacs.toFixed(gmacs < 0.1 ? 3 : 2);
}
