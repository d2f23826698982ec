/**
 * Philox4x32-10: "Parallel Random Numbers: As Easy as 1, 2, 3", Salmon et al., SC 2011
 * (https://doi.org/10.1145/2063384.2063405). A keyed bijection of a 128-bit counter: block i needs no block before it.
 */

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;
const ROUNDS = 10;

/** The high 32 bits of the 64-bit product of two 32-bit words; the low ones are `Math.imul`. */
function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  // Each sum stays below 2^32, so the wrapped integer, read as unsigned, is the sum itself.
  const low = Math.imul(aLow, bLow) >>> 16;
  const mid = (Math.imul(aHigh, bLow) + low) >>> 0;
  const cross = (Math.imul(aLow, bHigh) + (mid & 0xffff)) >>> 0;
  return (Math.imul(aHigh, bHigh) + (mid >>> 16) + (cross >>> 16)) >>> 0;
}

/** One block: writes four words at `out[at]`, from a counter of four words and a key of two. */
export function philox4x32(
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
  out: Uint32Array,
  at: number,
): void {
  for (let round = 0; round < ROUNDS; round++) {
    const n0 = mulHigh(M1, c2) ^ c1 ^ k0;
    const n1 = Math.imul(M1, c2);
    const n2 = mulHigh(M0, c0) ^ c3 ^ k1;
    const n3 = Math.imul(M0, c0);
    c0 = n0;
    c1 = n1;
    c2 = n2;
    c3 = n3;
    k0 = (k0 + W0) | 0;
    k1 = (k1 + W1) | 0;
  }
  out[at] = c0;
  out[at + 1] = c1;
  out[at + 2] = c2;
  out[at + 3] = c3;
}
