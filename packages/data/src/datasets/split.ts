import { createRng } from "@vitrail/random";
import { DatasetError } from "./errors.ts";
import type { Sample, Split } from "./types.ts";

/** What a split is made of. */
export interface SplitParts extends Pick<Split, "name" | "nameOf" | "source" | "stream"> {
  readonly labels: Int32Array;
}

/** A split over labels in memory. */
export function makeSplit({ name, labels, nameOf, source, stream }: SplitParts): Split {
  const inside = (index: number): number => {
    if (!Number.isInteger(index) || index < 0 || index >= labels.length)
      throw new DatasetError(
        "bad-argument",
        `sample ${index} of ${name}: expected a whole number from 0 to ${labels.length - 1}`,
      );
    return index;
  };
  return {
    name,
    length: labels.length,
    label: (index) => labels[inside(index)] as number,
    nameOf: (index) => nameOf(inside(index)),
    source: (index) => source(inside(index)),
    ...(stream && { stream }),
  };
}

/** The samples of a split in stored order. What is held at a time is bounded: one picture, or one group of rows of a Parquet file. */
export async function* stream(split: Split): AsyncGenerator<Sample, void, undefined> {
  if (split.stream) {
    yield* split.stream();
    return;
  }
  for (let index = 0; index < split.length; index++)
    yield { index, name: split.nameOf(index), label: split.label(index), source: await split.source(index) };
}

/** Some samples of a split, in the order given. An index may come twice. */
export function subset(split: Split, indices: ArrayLike<number>, name: string = split.name): Split {
  const own = Float64Array.from(indices); // whole numbers beyond 32 bits would be someone's mistake: keep them to say so
  const bad = own.find((i) => !Number.isInteger(i) || i < 0 || i >= split.length);
  if (bad !== undefined)
    throw new DatasetError(
      "bad-argument",
      `subset of ${split.name}: sample ${bad} is not among 0 to ${split.length - 1}`,
    );
  return makeSplit({
    name,
    labels: Int32Array.from(own, (i) => split.label(i)),
    nameOf: (index) => split.nameOf(own[index] as number),
    source: (index) => split.source(own[index] as number),
  });
}

/** The first `n` samples after the seeded shuffle, in shuffled order; all of them where there are no more than `n`. */
export function limit(split: Split, n: number, seed = 0): Split {
  if (!Number.isSafeInteger(n) || n < 1)
    throw new DatasetError("bad-argument", `limit: expected a whole number of at least 1, found ${n}`);
  return subset(split, order(split.length, seed).subarray(0, n));
}

/**
 * Two splits of one, stratified: of each class the same share (rounded) goes to `val`, and at least one sample stays in `train`. The
 * choice depends on seed, labels and order alone; both keep the stored order.
 *
 * @param fraction of the samples for `val`, above 0 and below 1
 */
export function splitOff(split: Split, fraction: number, seed = 0): { readonly train: Split; readonly val: Split } {
  if (!(fraction > 0 && fraction < 1))
    throw new DatasetError("bad-argument", `splitOff: expected a fraction above 0 and below 1, found ${fraction}`);
  const byClass = shuffledByClass(split, seed);
  // Rounded so that the whole has its share too: what one class gets too much, the next one gets less.
  const val = new Set<number>();
  let owed = 0;
  for (const label of [...byClass.keys()].sort((a, b) => a - b)) {
    const list = byClass.get(label) as number[];
    owed += list.length * fraction;
    const take = Math.min(list.length - 1, Math.max(0, Math.round(owed)));
    owed -= take;
    for (const index of list.slice(0, take)) val.add(index);
  }
  const all = Array.from({ length: split.length }, (_, i) => i);
  return {
    train: subset(
      split,
      all.filter((i) => !val.has(i)),
      "train",
    ),
    val: subset(
      split,
      all.filter((i) => val.has(i)),
      "val",
    ),
  };
}

/**
 * A share of a split, stratified: of each class the same share (rounded, at least one sample), in stored order. The choice depends on
 * seed, labels and order alone.
 *
 * @param share of the samples, above 0 and at most 1
 */
export function fraction(split: Split, share: number, seed = 0): Split {
  if (!(share > 0 && share <= 1))
    throw new DatasetError("bad-argument", `fraction: expected a share above 0 and at most 1, found ${share}`);
  const kept = [...shuffledByClass(split, seed).values()].flatMap((list) =>
    list.slice(0, Math.max(1, Math.round(list.length * share))),
  );
  return subset(
    split,
    kept.sort((a, b) => a - b),
  );
}

/** Samples by their label, each list in the order of the seeded shuffle. */
function shuffledByClass(split: Split, seed: number): Map<number, number[]> {
  const byClass = new Map<number, number[]>();
  for (const index of order(split.length, seed)) {
    const label = split.label(index);
    const list = byClass.get(label);
    if (list) list.push(index);
    else byClass.set(label, [index]);
  }
  return byClass;
}

function order(n: number, seed: number): Uint32Array {
  return createRng(seed).at("dataset").permutation(n);
}

/** How many samples each class has: `counts[label]`. */
export function classCounts(split: Split, numClasses: number): Int32Array {
  const counts = new Int32Array(numClasses);
  for (let i = 0; i < split.length; i++) {
    const label = split.label(i);
    counts[label] = (counts[label] ?? 0) + 1;
  }
  return counts;
}
