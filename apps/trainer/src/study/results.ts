/** What the runs gave. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { RECORD_FILES } from "@vitrail/train";
import { readRun, trainedSeconds } from "../run-folder.ts";
import type { Run } from "./plan.ts";

/** One finished run. */
export interface Result extends Pick<Run, "name" | "family" | "kind" | "fraction" | "seed" | "epochs" | "images"> {
  /** Share of right answers, of so many test pictures. */
  readonly top1: number;
  readonly judged: number;
  /** Of training, pauses not counted. */
  readonly seconds: number;
}

/** Whether a run has ended. */
export const isDone = (folder: string): boolean => existsSync(join(folder, RECORD_FILES.evaluation));

/** Reads a finished run. */
export function resultOf({ name, family, kind, fraction, seed, epochs, images }: Run, folder: string): Result {
  const run = readRun(folder);
  const { top1, images: judged } = run.validation as NonNullable<typeof run.validation>;
  const seconds = Math.round(trainedSeconds(run));
  return { name, family, kind, fraction, seed, epochs, images, top1, judged, seconds };
}

/** What is known of one network, kind and fraction: over its seeds. */
export interface Cell {
  readonly top1: number;
  /** The lowest and the highest of several seeds; undefined for one. */
  readonly range: readonly [number, number] | undefined;
  /** Of the mean, from the number of pictures alone: 1.96 binomial standard errors. */
  readonly margin: number;
}

/** The mean over seeds; undefined where no run has ended. */
export function cellOf(
  results: readonly Result[],
  family: string,
  kind: Run["kind"],
  fraction: number,
): Cell | undefined {
  const found = results.filter((one) => one.family === family && one.kind === kind && one.fraction === fraction);
  const [first] = found;
  if (!first) return undefined;
  const all = found.map(({ top1 }) => top1);
  const top1 = all.reduce((sum, one) => sum + one, 0) / all.length;
  const margin = 1.96 * Math.sqrt((top1 * (1 - top1)) / (first.judged * found.length));
  return { top1, margin, range: found.length > 1 ? [Math.min(...all), Math.max(...all)] : undefined };
}
