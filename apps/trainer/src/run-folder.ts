/** What a run left in its folder. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type EpochReport, RECORD_FILES, RUN_FILES, readJsonLines } from "@vitrail/train";
import { parse } from "yaml";

/** The settings of a run that matter here; the others are for people. */
export interface Settings extends Readonly<Record<string, unknown>> {
  readonly model: string;
  readonly epochs: number;
  readonly seed: number;
  readonly val_fraction?: number;
  readonly train_fraction?: number;
  readonly classes?: readonly string[];
  readonly limit?: number;
}

/** Which pictures a split had. */
export interface Identity {
  readonly images: number;
  readonly digest: string;
}

/** args.yaml. */
export interface Args {
  readonly recipe: Settings;
  readonly pictures: {
    readonly train: Identity;
    readonly val: Identity;
    readonly left_out: { readonly train: readonly string[]; readonly val: readonly string[] };
  };
}

/** A line of timing.jsonl. */
export interface Timing {
  readonly seconds: number;
  readonly engine: string;
}

/** A run on disk. */
export interface Run {
  readonly folder: string;
  readonly args: Args;
  readonly history: readonly EpochReport[];
  readonly timing: readonly Timing[];
  /** Where data and weights lay when it was started last, by the setting that names them. */
  readonly places: Readonly<Record<string, unknown>>;
  /** Of the best weights, by the validation pictures: evaluation.json. Undefined while the run goes on. */
  readonly validation: { readonly images: number; readonly top1: number } | undefined;
}

/** Reads a run's folder. */
export function readRun(folder: string): Run {
  const text = (name: string) => readFileSync(join(folder, name), "utf8");
  const lines = <T>(name: string) => (existsSync(join(folder, name)) ? readJsonLines<T>(text(name), name).rows : []);
  if (!existsSync(join(folder, RUN_FILES.args))) throw new Error(`${folder} holds no run: expected ${RUN_FILES.args}`);
  return {
    folder,
    args: parse(text(RUN_FILES.args)) as Args,
    history: lines<EpochReport>(RUN_FILES.metrics),
    timing: lines<Timing>(RECORD_FILES.timing),
    places: existsSync(join(folder, RUN_FILES.environment))
      ? (JSON.parse(text(RUN_FILES.environment)).at(-1) ?? {})
      : {},
    validation: existsSync(join(folder, RECORD_FILES.evaluation))
      ? JSON.parse(text(RECORD_FILES.evaluation))
      : undefined,
  };
}

/** The number of the epoch whose weights are the run's, from 1. */
export function bestEpoch({ history }: Run): number {
  return history.findLastIndex(({ best }) => best) + 1;
}

/** Seconds of training, pauses not counted. */
export function trainedSeconds({ timing }: Run): number {
  return timing.reduce((sum, { seconds }) => sum + seconds, 0);
}
