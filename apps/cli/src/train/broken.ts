import { checkSamples, type Split, subset } from "@vitrail/data";
import { UserError } from "../user-error.ts";

/** What becomes of pictures that cannot be decoded. */
export interface BrokenOptions {
  readonly onBad: "skip" | "fail";
  /** Of each split the names of samples that are known to be bad: then none is looked at. */
  readonly knownBad?: readonly (readonly string[])[] | undefined;
  readonly onNote: (line: string) => void;
  /** While every picture is looked at. */
  readonly onCheck?: (done: number, of: number) => void;
}

/** Splits without what cannot be decoded, and its names by split; each is told, or ends the command. */
export async function withoutBroken(
  splits: readonly Split[],
  { onBad, knownBad, onNote, onCheck }: BrokenOptions,
): Promise<{ splits: Split[]; bad: string[][] }> {
  const total = splits.reduce((sum, { length }) => sum + length, 0);
  const kept: Split[] = [];
  const bad: string[][] = [];
  const reasons: string[] = [];
  let before = 0;
  for (const [i, split] of splits.entries()) {
    const known = new Set(knownBad?.[i]);
    const found = knownBad
      ? Array.from({ length: split.length }, (_, index) => ({ index, name: split.nameOf(index), reason: "" })).filter(
          ({ name }) => known.has(name),
        )
      : await checkSamples(split, { onProgress: (done) => onCheck?.(before + done, total) });
    before += split.length;
    const out = new Set(found.map(({ index }) => index));
    bad.push(found.map(({ name }) => name));
    reasons.push(...found.map(reasonOf));
    const left = Array.from({ length: split.length }, (_, index) => index).filter((index) => !out.has(index));
    kept.push(out.size === 0 ? split : subset(split, left));
  }
  if (knownBad === undefined && reasons.length > 0) {
    if (onBad === "fail") {
      throw new UserError(
        `${reasons.length} of ${total} pictures cannot be read (--on-bad skip goes on without them):${firstOf(reasons)
          .map((line) => `\n  ${line}`)
          .join("")}`,
      );
    }
    sayBroken(reasons, total, onNote);
  }
  return { splits: kept, bad };
}

/** Says which pictures are left out. */
export function sayBroken(reasons: readonly string[], total: number, onNote: (line: string) => void): void {
  if (reasons.length === 0) return;
  onNote(`${reasons.length} of ${total} pictures cannot be read and are left out (--on-bad fail stops here):`);
  for (const line of firstOf(reasons)) onNote(`  ${line}`);
}

export const reasonOf = ({ name, reason }: { readonly name: string; readonly reason: string }): string =>
  reason.includes(name) ? reason : `${name}: ${reason}`;

const MOST = 20; // lines that anybody reads

const firstOf = (lines: readonly string[]): string[] => [
  ...lines.slice(0, MOST),
  ...(lines.length > MOST ? [`… and ${lines.length - MOST} more`] : []),
];
