import type { AnyModelSpec } from "@vitrail/classify";
import picomatch from "picomatch";
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
  readonly checkpoints: readonly { tag: string; hubId: string; top1: number | null; license: string; source: string }[];
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

function rowOf(name: string): ModelRow {
  const spec = all[name] as AnyModelSpec;
  const checkpoints = Object.values(spec.weights).map(({ tag, hubId, top1, license, source }) => {
    return { tag, hubId, top1, license, source };
  });
  const [first] = Object.values(spec.weights);
  return { name, params: first?.params ?? null, gmacs: first?.gmacs ?? null, input: spec.preprocess.inputSize, checkpoints };
}

function millions(params: number | null): string {
  return params === null ? "–" : `${(params / 1e6).toFixed(params < 1e6 ? 2 : 1)} M`;
}

function billions(gmacs: number | null): string {
  return gmacs === null ? "–" : gmacs.toFixed(gmacs < 0.1 ? 3 : 2);
}
