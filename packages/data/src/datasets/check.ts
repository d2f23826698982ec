import { type ExamineOptions, examineAll } from "./examiner.ts";
import type { BadSample, Split } from "./types.ts";

/**
 * Decodes every picture of a split in worker threads and says which are bad, in the split's order. Formats of raw pixels have none.
 *
 * @throws the signal's reason where it ends the work
 */
export async function checkSamples(split: Split, options: ExamineOptions = {}): Promise<readonly BadSample[]> {
  const first = split.length === 0 ? undefined : await Promise.resolve(split.source(0)).catch(() => undefined);
  if (first?.kind === "pixels") return [];
  const bad: BadSample[] = [];
  await examineAll([split], "decode", options, (_, index, { reason }) => {
    if (reason !== undefined) bad.push({ index, name: split.nameOf(index), reason });
  });
  return bad.sort((a, b) => a.index - b.index);
}

/** A picture of one split that is, byte for byte, in another as well. */
export interface Overlap {
  /** Indices into the first split. */
  readonly train: readonly number[];
  /** Indices into the second. */
  readonly val: readonly number[];
  /** SHA-256 of the content, in hexadecimal. */
  readonly hash: string;
}

/**
 * Pictures that two splits share: exact copies, whatever they are called. A model is judged on what it learned by heart where there are
 * any. For copies that were saved anew see `inspectDataset`.
 */
export async function overlap(train: Split, val: Split, options: ExamineOptions = {}): Promise<readonly Overlap[]> {
  const found = new Map<string, { train: number[]; val: number[] }>();
  await examineAll([train, val], "hash", options, (split, index, { hash }) => {
    if (hash === undefined) return; // not readable: that is checkSamples' matter
    const both = found.get(hash) ?? { train: [], val: [] };
    found.set(hash, both);
    both[split === train ? "train" : "val"].push(index);
  });
  const up = (a: number, b: number): number => a - b;
  return [...found]
    .filter(([, both]) => both.train.length > 0 && both.val.length > 0)
    .map(([hash, both]) => ({ train: both.train.sort(up), val: both.val.sort(up), hash }))
    .sort((a, b) => (a.val[0] as number) - (b.val[0] as number));
}
