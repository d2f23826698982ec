import type { Rng } from "@vitrail/random";
import { ImageError } from "../errors.ts";

/** How an epoch's samples are chosen. Plain data. */
export type Sampler =
  /** every sample once, shuffled or in stored order as the loader's `shuffle` says */
  | { readonly kind: "each" }
  /**
   * As many as the split has, with replacement: a class uniformly, then one of its samples uniformly, which is torch's
   * `WeightedRandomSampler` with the inverse of each class's frequency as weights.
   */
  | { readonly kind: "balanced" }
  /**
   * Repeated augmentation (https://arxiv.org/abs/1902.05509), timm's `aug_repeats`: each sample `repeats` times in a row, the
   * epoch as long as without, so that it sees 1/repeats of the split. timm's `RepeatAugSampler` for one process, without its
   * rounding down to 256.
   */
  | { readonly kind: "repeated"; readonly repeats: number };

/** What an epoch goes through, in order: position p is sample `indices[p]`, for the `turns[p]`-th time. */
export interface Order {
  readonly indices: Uint32Array;
  /** 0 where a sample comes for the first time, 1 for the second, ...: it gets other draws each time. */
  readonly turns: Uint32Array;
}

/** Throws where a sampler's settings make no sense. */
export function assertSampler(sampler: Sampler): void {
  if (sampler.kind === "each" || sampler.kind === "balanced") return;
  if (sampler.kind !== "repeated")
    throw new ImageError(
      "bad-argument",
      `sampler: expected kind each, balanced or repeated, found ${JSON.stringify((sampler as Sampler).kind)}`,
    );
  if (!(sampler.repeats >= 1 && Number.isFinite(sampler.repeats)))
    throw new ImageError("bad-argument", `sampler: expected repeats of at least 1, found ${sampler.repeats}`);
}

/**
 * The order of one epoch, a pure function of its stream.
 * @param rng - the epoch's stream, `createRng(seed).at("shuffle").at(epoch)`
 */
export function orderOf(
  sampler: Sampler,
  length: number,
  label: (index: number) => number,
  shuffle: boolean,
  rng: Rng,
): Order {
  let indices: Uint32Array;
  if (sampler.kind === "balanced") indices = balanced(length, label, rng);
  else {
    indices = shuffle ? rng.permutation(length) : Uint32Array.from({ length }, (_, i) => i);
    if (sampler.kind === "repeated") {
      const each = indices;
      indices = Uint32Array.from({ length }, (_, p) => each[Math.floor(p / sampler.repeats)] as number);
    }
  }
  const seen = new Uint32Array(length);
  const turns = new Uint32Array(length);
  for (let p = 0; p < length; p++) {
    const i = indices[p] as number;
    turns[p] = seen[i] as number;
    seen[i] = (seen[i] as number) + 1;
  }
  return { indices, turns };
}

function balanced(length: number, label: (index: number) => number, rng: Rng): Uint32Array {
  const classes = new Map<number, number[]>();
  for (let i = 0; i < length; i++) {
    const c = label(i);
    const members = classes.get(c);
    if (members) members.push(i);
    else classes.set(c, [i]);
  }
  const lists = [...classes].sort(([a], [b]) => a - b).map(([, members]) => members);
  const words = rng.uint32(2 * length);
  return Uint32Array.from({ length }, (_, p) => {
    const list = lists[Math.floor((words[2 * p] as number) * 2 ** -32 * lists.length)] as number[];
    return list[Math.floor((words[2 * p + 1] as number) * 2 ** -32 * list.length)] as number;
  });
}

/**
 * Where batches begin and end. A last one that is not full is left out with `dropLast`; without, it is left out only
 * where it has fewer than `minLast` samples and is not the only one.
 */
export function batchesOf(length: number, batchSize: number, dropLast: boolean, minLast: number): number {
  const full = Math.floor(length / batchSize);
  const rest = length - full * batchSize;
  if (rest === 0 || dropLast) return full;
  return full > 0 && rest < minLast ? full : full + 1;
}
