import { THUMB } from "./examine.ts";
import { bitCount } from "./perceptual-hash.ts";

/** A picture to compare. */
export interface Look {
  readonly perceptual: readonly [number, number];
  readonly thumb: Uint8Array;
}

/**
 * Bits in which the perceptual hashes of near-duplicates differ at most. Of 60 photos saved anew (JPEG of quality 20 and 50, half the
 * size, 64 x 64, a tenth brighter) all stayed within 4; of different photos the nearest two differ in 18.
 */
const RADIUS = 4;
/** Bands of a hash of which one at least is equal where no more than {@link RADIUS} bits differ (Norouzi et al., "Fast Search in Hamming Space with Multi-Index Hashing"). */
const BANDS = RADIUS + 1;
/**
 * How far from 1 the correlation of the small copies may be. The same variants stay below 0.007; among the small and simple pictures of
 * Fashion-MNIST, where hashes alone would call hundreds of different shirts equal, it leaves none.
 */
const APART = 0.01;
/** Mean difference of values under which small copies are equal: decides for flat pictures, which correlate with nothing. */
const EQUAL = 1;
/** Pictures of one band that a picture is compared with at most, so that a set of one thing does not take the square of its size. */
const MOST = 2000;

/** Pairs of pictures that look the same, by their positions. */
export function nearPairs(looks: readonly Look[]): [number, number][] {
  const pairs: [number, number][] = [];
  const seen = new Set<number>();
  for (let band = 0; band < BANDS; band++) {
    const buckets = new Map<number, number[]>();
    for (const [i, { perceptual }] of looks.entries()) {
      const key = bandOf(perceptual, band);
      const bucket = buckets.get(key);
      if (bucket) bucket.push(i);
      else buckets.set(key, [i]);
    }
    for (const bucket of buckets.values())
      for (let b = 1; b < bucket.length; b++) {
        const j = bucket[b] as number;
        const right = looks[j] as Look;
        for (let a = Math.max(0, b - MOST); a < b; a++) {
          const i = bucket[a] as number;
          const left = looks[i] as Look;
          const far =
            bitCount(left.perceptual[0] ^ right.perceptual[0]) + bitCount(left.perceptual[1] ^ right.perceptual[1]) >
            RADIUS;
          if (far || !alike(left.thumb, right.thumb)) continue;
          const pair = i * looks.length + j;
          if (seen.has(pair)) continue; // another band has them too
          seen.add(pair);
          pairs.push([i, j]);
        }
      }
  }
  return pairs;
}

/** 13, 13, 13, 13 and 12 bits of 64, spread: every fifth, because neighbours among frequencies go together. */
function bandOf([high, low]: readonly [number, number], band: number): number {
  let key = 0;
  for (let bit = band; bit < 64; bit += BANDS) key = (key << 1) | ((bit < 32 ? high >>> bit : low >>> (bit - 32)) & 1);
  return key;
}

function alike(a: Uint8Array, b: Uint8Array): boolean {
  const n = THUMB * THUMB * 3;
  let [sumA, sumB, aa, bb, ab, apart] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < n; i++) {
    const [x, y] = [a[i] as number, b[i] as number];
    sumA += x;
    sumB += y;
    aa += x * x;
    bb += y * y;
    ab += x * y;
    apart += Math.abs(x - y);
  }
  if (apart <= EQUAL * n) return true;
  const variance = (aa - (sumA * sumA) / n) * (bb - (sumB * sumB) / n);
  return variance > 0 && (ab - (sumA * sumB) / n) / Math.sqrt(variance) >= 1 - APART;
}
