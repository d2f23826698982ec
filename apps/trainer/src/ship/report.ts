/** report.json: every figure of a card. */
import type { Measured } from "./measure.ts";
import type { Source } from "./source.ts";

/** How the weights came about. */
export interface RunReport {
  readonly recipe: string;
  readonly command: string;
  readonly settings: Readonly<Record<string, unknown>>;
  /** What the runs that it learned from had trained, and from what, by the setting that names them. */
  readonly models: Readonly<Record<string, string>>;
  /** "27 of 30": those of the best epoch. */
  readonly epochs: string;
  readonly trained_on: number;
  readonly seed: number;
  readonly commit: string;
  readonly engine: string;
  readonly cores: number;
  readonly time: string;
}

export interface Report {
  readonly data: string;
  readonly measured: Measured;
  readonly run: RunReport;
}

/** What is known of the run. */
export function runReport({ recipe, obtained, settings, models }: Source, trained: number): RunReport {
  const { epochs, seed, commit, engine, cores, time, options } = obtained;
  return {
    recipe: recipe.name,
    command: `npm run trainer -- ${recipe.name}${options ? ` ${options}` : ""}`,
    settings,
    models,
    epochs,
    trained_on: trained,
    seed,
    commit,
    engine,
    cores,
    time,
  };
}
