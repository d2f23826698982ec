import { THUMB } from "./examine.ts";
import { bitCount } from "./perceptual-hash.ts";

/** A picture to compare. */
export interface Look {
  readonly perceptual: readonly [number, number];
  readonly thumb: Uint8Array;
}

/** What counts as looking the same. */
interface Likeness {
  /** Bits in which the perceptual hashes may differ. */
  readonly radius: number;
  /** How far from 1 the correlation of the small copies may be. */
  readonly apart: number;
}

/**
 * For photos. Of 60 photos, each saved as JPEG of quality 20 and 50, at half the size, at 64 x 64, a tenth brighter and cut by a
 * fiftieth, all stayed within 6 bits and 0.03; different ones were 18 bits and 0.3 apart at least. In CIFAR-10 it finds the known copies
 * that were cut, brightened or coloured anew.
 */
const LIKE: Likeness = { radius: 8, apart: 0.05 };
/** For sets of one thing on one ground, such as Fashion-MNIST, where different shirts are as near as that: the same picture saved anew. */
const SAME: Likeness = { radius: 4, apart: 0.005 };
/** The share of a set's pictures in pairs of the first kind from which the second kind is asked for: then they say nothing. */
const USUAL = 0.1;
/** Mean difference of values under which small copies are equal: decides for flat pictures, which correlate with nothing. */
const EQUAL = 1;
/** Pictures of one bucket that a picture is compared with at most, so that a set of one thing does not take the square of its size. */
const MOST = 2000;

/** Pairs of pictures that look the same, by their positions. */
export interface NearPairs {
  readonly pairs: readonly (readonly [number, number])[];
  /** Whether so many pictures look alike that only those were taken that hardly differ. */
  readonly strict: boolean;
}

/** Finds pictures that look the same. */
export function nearPairs(looks: readonly Look[]): NearPairs {
  const like = search(looks, LIKE, Math.max(20, USUAL * looks.length));
  return like ? { pairs: like, strict: false } : { pairs: search(looks, SAME, looks.length) ?? [], strict: true };
}

/**
 * Pairs within a likeness, by multi-index hashing: where no more than r of 64 bits differ, one of r + 1 bands of them is equal, so that
 * only pictures that share a band are compared (Norouzi et al., https://arxiv.org/abs/1307.2982).
 *
 * @returns undefined where more than `most` pictures are in pairs
 */
function search(looks: readonly Look[], { radius, apart }: Likeness, most: number): [number, number][] | undefined {
  const high = Uint32Array.from(looks, ({ perceptual }) => perceptual[0]);
  const low = Uint32Array.from(looks, ({ perceptual }) => perceptual[1]);
  const pairs: [number, number][] = [];
  const found = new Set<number>();
  const paired = new Set<number>();
  for (let band = 0; band <= radius; band++)
    for (const bucket of bucketsOf(high, low, band, radius + 1))
      for (let b = 1; b < bucket.length; b++) {
        const j = bucket[b] as number;
        const [h, l] = [high[j] as number, low[j] as number];
        for (let a = Math.max(0, b - MOST); a < b; a++) {
          const i = bucket[a] as number;
          if (bitCount((high[i] as number) ^ h) + bitCount((low[i] as number) ^ l) > radius) continue;
          const pair = i * looks.length + j;
          if (found.has(pair) || !alike((looks[i] as Look).thumb, (looks[j] as Look).thumb, apart)) continue;
          found.add(pair); // another band has it too
          pairs.push([i, j]);
          if (paired.add(i).add(j).size > most) return undefined;
        }
      }
  return pairs;
}

/** Positions that share a band's bits. A band is every so manieth bit, because neighbours among frequencies go together. */
function bucketsOf(high: Uint32Array, low: Uint32Array, band: number, bands: number): Iterable<readonly number[]> {
  const buckets = new Map<number, number[]>();
  for (let i = 0; i < high.length; i++) {
    let key = 0;
    for (let bit = band; bit < 64; bit += bands)
      key = (key << 1) | (((bit < 32 ? (high[i] as number) >>> bit : (low[i] as number) >>> (bit - 32)) & 1) as number);
    const bucket = buckets.get(key);
    if (bucket) bucket.push(i);
    else buckets.set(key, [i]);
  }
  return buckets.values();
}

function alike(a: Uint8Array, b: Uint8Array, apart: number): boolean {
  const n = THUMB * THUMB * 3;
  let [sumA, sumB, aa, bb, ab, difference] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < n; i++) {
    const [x, y] = [a[i] as number, b[i] as number];
    sumA += x;
    sumB += y;
    aa += x * x;
    bb += y * y;
    ab += x * y;
    difference += Math.abs(x - y);
  }
  if (difference <= EQUAL * n) return true;
  const variance = (aa - (sumA * sumA) / n) * (bb - (sumB * sumB) / n);
  return variance > 0 && (ab - (sumA * sumB) / n) / Math.sqrt(variance) >= 1 - apart;
}
