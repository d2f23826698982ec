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

/** A picture that is there more than once, byte for byte, under whatever names. */
export interface Copies {
  /** Each place: the number of the split among those given, and the index in it; in order. */
  readonly places: readonly { readonly split: number; readonly index: number }[];
  /** SHA-256 of the content, in hexadecimal. */
  readonly hash: string;
}

/**
 * Exact copies within some splits and across them. What cannot be read is passed over: that is checkSamples' matter. For copies that
 * were saved anew see `inspectDataset`.
 */
export async function findCopies(splits: readonly Split[], options: ExamineOptions = {}): Promise<readonly Copies[]> {
  const found = new Map<string, { split: number; index: number }[]>();
  await examineAll(splits, "hash", options, (split, index, { hash }) => {
    if (hash === undefined) return;
    const places = found.get(hash) ?? [];
    found.set(hash, places);
    places.push({ split: splits.indexOf(split), index });
  });
  type Place = Copies["places"][number];
  const up = (a: Place, b: Place): number => a.split - b.split || a.index - b.index;
  return [...found]
    .filter(([, places]) => places.length > 1)
    .map(([hash, places]) => ({ places: places.sort(up), hash }))
    .sort((a, b) => up(a.places[0] as Place, b.places[0] as Place));
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
 * any.
 */
export async function overlap(train: Split, val: Split, options: ExamineOptions = {}): Promise<readonly Overlap[]> {
  const of = (places: Copies["places"], wanted: number): number[] =>
    places.filter(({ split }) => split === wanted).map(({ index }) => index);
  return (await findCopies([train, val], options))
    .map(({ places, hash }) => ({ train: of(places, 0), val: of(places, 1), hash }))
    .filter((one) => one.train.length > 0 && one.val.length > 0)
    .sort((a, b) => (a.val[0] as number) - (b.val[0] as number));
}
