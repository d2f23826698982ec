import { type EngineReport, engineTitle, type Precision } from "@vitrail/jit";
import type { EngineChoice } from "../engine-choice.ts";
import { print, say, table } from "../io.ts";
import { type Measured, measure } from "../measure.ts";
import { plain } from "../user-error.ts";

/** The options of `vitrail benchmark`. */
export interface BenchmarkCommand extends EngineChoice {
  readonly model?: string;
  readonly weights?: string;
  readonly precision: Precision;
  readonly batch: number;
  readonly threads?: number;
  readonly train?: boolean;
  readonly seconds: number;
  readonly offline?: boolean;
  readonly json?: boolean;
}

/** An element of `results` in `vitrail benchmark --json`. */
export interface BenchmarkRow extends Measured {
  readonly model: string;
  readonly engine: EngineReport["engine"];
  readonly provider: string | null;
  readonly precision: Precision;
  readonly batch: number;
  readonly mode: "inference" | "training";
}

/** `vitrail benchmark`. */
export async function benchmark(options: BenchmarkCommand): Promise<number> {
  const { openSubject } = await import("../benchmark-subject.ts");
  const subject = await openSubject(options, (line) => say(plain(line)));
  try {
    const measured = await measure(subject, options.seconds);
    const { name: model, engine, provider, precision, batch, mode } = subject;
    const row: BenchmarkRow = { model, engine, provider: provider ?? null, precision, batch, mode, ...measured };
    if (options.json) print(JSON.stringify({ results: [row] }, null, 2));
    else show(row);
  } finally {
    await subject.dispose();
  }
  return 0;
}

function show(row: BenchmarkRow): void {
  const rows = [
    ["model", `${row.model}, ${row.precision}, ${row.mode}, batch ${row.batch}`],
    ["engine", engineTitle(row)],
    ["images a second", row.imagesPerSecond.toFixed(1)],
    ["milliseconds", `${row.msP50.toFixed(1)} median, ${row.msP95.toFixed(1)} at 95 %, of ${row.runs} runs`],
    ["GFLOP/s", row.gflops.toFixed(1)],
    [
      "of the peak",
      `${(100 * row.peakFraction).toFixed(0)} % of ${row.peakGflops.toFixed(0)} GFLOP/s, a product of 2048³ here and now`,
    ],
  ];
  for (const line of table(rows)) print(line);
}
