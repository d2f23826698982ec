import type { Depth, Facts, Finding } from "./examine.ts";
import { type ExamineOptions, examineAll } from "./examiner.ts";
import { nearPairs } from "./near.ts";
import { classCounts } from "./split.ts";
import type { BadSample, Dataset, DatasetFormat, Skipped, Split } from "./types.ts";

/** A sample as a report names it. */
export interface Member {
  readonly split: string;
  readonly index: number;
  readonly name: string;
  /** The class. */
  readonly label: string;
}

/** Pictures that are the same. */
export interface DuplicateGroup {
  /** `exact`: byte for byte. `near`: they look the same, saved anew, resized or a little brighter. */
  readonly kind: "exact" | "near";
  readonly members: readonly Member[];
}

/** Smallest, middle and largest of some numbers. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** What is in a dataset. */
export interface Inspection {
  readonly format: DatasetFormat;
  readonly root: string;
  /** By name, in the dataset's order: samples, and of each class, in the order of `classes`. */
  readonly splits: readonly { readonly name: string; readonly samples: number; readonly perClass: readonly number[] }[];
  readonly classes: readonly string[];
  /** Samples of the largest class of the training split over those of the smallest that has any; 1 is balanced. */
  readonly imbalance: number;
  /** Of the pictures that decode, in pixels; undefined where none does. */
  readonly sizes: { readonly width: Spread; readonly height: Spread; readonly pixels: Spread } | undefined;
  /** How many pictures are of each kind: jpeg, png, …, pixels. */
  readonly kinds: Readonly<Record<string, number>>;
  /** How many store their colours in each way: rgb, grey, cmyk, palette, … */
  readonly modes: Readonly<Record<string, number>>;
  /** Pictures that cannot be read or decoded. */
  readonly bad: readonly (BadSample & { readonly split: string })[];
  /** Groups of two pictures or more, exact ones first. A near group lists exact copies of its pictures too. */
  readonly duplicates: readonly DuplicateGroup[];
  /** True where so many pictures look alike that near groups hold only those that hardly differ: a set of one thing on one ground. */
  readonly alike: boolean;
  /** Groups whose members are of different classes. */
  readonly conflicts: readonly DuplicateGroup[];
  /** Groups with members in the training split and in another. */
  readonly leaks: readonly DuplicateGroup[];
  readonly skipped: readonly Skipped[];
}

/**
 * Decodes every picture and reports what a training run would stumble over: broken files, copies, copies under two classes, copies in two
 * splits, classes out of balance. Holds about a kilobyte a picture.
 *
 * @throws the signal's reason where it ends the work
 */
export async function inspectDataset(dataset: Dataset, options: ExamineOptions = {}): Promise<Inspection> {
  const { format, root, classes, skipped } = dataset;
  const splits = [...dataset.splits.values()];
  const seen = new Map(splits.map((split) => [split, new Array<Finding | undefined>(split.length).fill(undefined)]));
  await examineAll(splits, "full" satisfies Depth, options, (split, index, finding) => {
    (seen.get(split) as (Finding | undefined)[])[index] = finding;
  });
  const samples: Look[] = [];
  const bad: (BadSample & { split: string })[] = [];
  for (const [split, findings] of seen)
    for (const [index, { hash, facts, reason } = {} as Finding] of findings.entries()) {
      if (reason !== undefined) bad.push({ split: split.name, index, name: split.nameOf(index), reason });
      if (facts && hash !== undefined) samples.push({ split, index, hash, facts });
    }
  const { groups: duplicates, alike } = groupsOf(samples, classes);
  const train = dataset.splits.get("train") ?? splits[0];
  return {
    format,
    root,
    splits: splits.map((split) => ({
      name: split.name,
      samples: split.length,
      perClass: [...classCounts(split, classes.length)],
    })),
    classes,
    imbalance: train ? imbalanceOf(classCounts(train, classes.length)) : 1,
    sizes: sizesOf(samples),
    kinds: countBy(samples, ({ facts }) => facts.kind),
    modes: countBy(samples, ({ facts }) => facts.mode),
    bad,
    duplicates,
    alike,
    conflicts: duplicates.filter(({ members }) => members.some(({ label }) => label !== members[0]?.label)),
    leaks: duplicates.filter(
      ({ members }) => members.some(({ split }) => split === "train") && members.some(({ split }) => split !== "train"),
    ),
    skipped,
  };
}

interface Look {
  readonly split: Split;
  readonly index: number;
  readonly hash: string;
  readonly facts: Facts;
}

/** Exact copies by their content, then what looks the same among one of each. */
function groupsOf(
  samples: readonly Look[],
  classes: readonly string[],
): { readonly groups: DuplicateGroup[]; readonly alike: boolean } {
  const member = ({ split, index }: Look): Member => ({
    split: split.name,
    index,
    name: split.nameOf(index),
    label: classes[split.label(index)] as string,
  });
  const byHash = new Map<string, Look[]>();
  for (const sample of samples) {
    const same = byHash.get(sample.hash);
    if (same) same.push(sample);
    else byHash.set(sample.hash, [sample]);
  }
  const unique = [...byHash.values()];
  const exact = unique
    .filter(({ length }) => length > 1)
    .map((same): DuplicateGroup => ({ kind: "exact", members: same.map(member) }));
  const { pairs, strict } = nearPairs(unique.map(([first]) => (first as Look).facts));
  // All copies of a picture come along: a leak may be between a copy of it and another picture's.
  const near = components(unique.length, pairs).map(
    (group): DuplicateGroup => ({ kind: "near", members: group.flatMap((i) => (unique[i] as Look[]).map(member)) }),
  );
  return { groups: [...exact, ...near], alike: strict };
}

/** Groups of what pairs connect, each and all in ascending order. */
function components(n: number, pairs: readonly (readonly [number, number])[]): number[][] {
  const parent = Uint32Array.from({ length: n }, (_, i) => i);
  const find = (i: number): number => {
    let at = i;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at] as number] as number;
      at = parent[at] as number;
    }
    return at;
  };
  for (const [a, b] of pairs) {
    const [x, y] = [find(a), find(b)];
    parent[Math.max(x, y)] = Math.min(x, y);
  }
  const groups = new Map<number, number[]>();
  for (const i of new Set(pairs.flat().sort((a, b) => a - b))) {
    const root = find(i);
    const group = groups.get(root);
    if (group) group.push(i);
    else groups.set(root, [i]);
  }
  return [...groups.values()];
}

function imbalanceOf(counts: Int32Array): number {
  const sorted = counts.filter((count) => count > 0).sort();
  return sorted.length === 0 ? 1 : (sorted[sorted.length - 1] as number) / (sorted[0] as number);
}

function sizesOf(samples: readonly Look[]): Inspection["sizes"] {
  if (samples.length === 0) return undefined;
  const spread = (values: number[]): Spread => {
    const sorted = Float64Array.from(values).sort();
    const at = (i: number): number => sorted[i] as number;
    return { min: at(0), median: at((sorted.length - 1) >> 1), max: at(sorted.length - 1) };
  };
  return {
    width: spread(samples.map(({ facts }) => facts.width)),
    height: spread(samples.map(({ facts }) => facts.height)),
    pixels: spread(samples.map(({ facts }) => facts.width * facts.height)),
  };
}

/** Counts, the largest first. */
function countBy<T>(items: readonly T[], key: (item: T) => string): Record<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)));
}
