import type { Answer } from "@vitrail/classify";
import type { Precision } from "@vitrail/jit";
import type { EngineChoice } from "../engine-choice.ts";
import { entriesOf } from "../files.ts";
import { colorsFor, print, say } from "../io.ts";
import { FEW, LONG, photosOf, reasonFor } from "../photos.ts";
import { progress } from "../progress.ts";
import { plain } from "../user-error.ts";

/** The options of `vitrail classify`. */
export interface ClassifyCommand extends EngineChoice {
  readonly model?: string;
  readonly weights?: string;
  readonly offline?: boolean;
  readonly top: number;
  readonly precision?: Precision;
  readonly calibrate?: string;
  readonly maxPixels: number;
  readonly orientation: boolean;
  readonly json?: boolean;
}

/** An element of `vitrail classify --json`. */
export type Row =
  | { file: string; model: string; predictions: Answer["predictions"]; known?: boolean }
  | { file: string; error: string };

/** `vitrail classify`: 0 if every photo was answered, else 1. */
export async function classify(paths: readonly string[], options: ClassifyCommand): Promise<number> {
  const onNote = (line: string) => say(plain(line));
  const [entries, { openClassifier }] = await Promise.all([entriesOf(paths, onNote), import("../open-classifier.ts")]);
  const photos = entries.filter((entry) => entry.error === undefined);
  // a wrong --model or --weights is said even where no photo is left to answer
  const classifier = await openClassifier({ ...options, threads: photos.length > FEW ? undefined : 0 }, onNote);
  const { labels } = classifier;
  const rows: Row[] = [];
  const bar = photos.length > LONG ? await progress(photos.length) : undefined;
  const show = options.json ? undefined : human();
  const shown = (row: Row) => {
    rows.push(row);
    if (!bar) show?.(row); // a bar and results can't share a terminal: those come after it
  };
  const outcomes = classifier.each(await photosOf(photos), options);
  try {
    for (const entry of entries) {
      if (entry.error !== undefined) {
        shown({ file: entry.file, error: entry.error });
        continue;
      }
      const { value: outcome } = await outcomes.next();
      if (!outcome) break;
      if (outcome.error) {
        shown({ file: entry.file, error: reasonFor(entry, outcome.error) });
      } else {
        const { predictions, known } = outcome;
        shown({ file: entry.file, model: classifier.name, predictions, ...(known === undefined ? {} : { known }) });
      }
      bar?.step();
    }
  } finally {
    bar?.stop();
    await classifier.dispose();
  }
  if (options.json) print(JSON.stringify(rows, null, 2));
  else if (bar) for (const row of rows) show?.(row);
  return rows.some((row) => "error" in row) ? 1 : 0;

  function human(): (row: Row) => void {
    const out = colorsFor(process.stdout);
    const err = colorsFor(process.stderr);
    return (row) => {
      if ("error" in row) {
        say(err.red(`error: ${plain(row.file)}: ${row.error}`));
        return;
      }
      print(out.bold(plain(row.file)));
      if (row.known === false) print(out.yellow(`  looks like none of the ${count(labels)}; the nearest:`));
      row.predictions.forEach(({ label, probability }, i) => {
        const line = `  ${percent(probability)}  ${plain(label)}`;
        print(i === 0 && row.known !== false ? line : out.dim(line));
      });
    };
  }
}

/** A probability as people read it, of equal width. */
export function percent(probability: number): string {
  return `${(100 * probability).toFixed(2).padStart(6)} %`;
}

/** "ten" for the model in the box, else the number. */
export function count(labels: readonly string[]): string {
  return labels.length === 10 ? "ten" : String(labels.length);
}
