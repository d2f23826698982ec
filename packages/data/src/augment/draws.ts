import type { Rng } from "@vitrail/random";

/** Words fetched at a time: most samples need no second block. */
const BLOCK = 32;

/**
 * Numbers one after the other from one stream, as Python's `random` gives them: an augmentation draws a number of times
 * that depends on what it drew before. Still a pure function of the stream.
 */
export class Draws {
  readonly #rng: Rng;
  #words: Uint32Array;
  #at = 0;
  #blocks = 0;

  constructor(rng: Rng) {
    this.#rng = rng;
    this.#words = rng.uint32(BLOCK);
  }

  #word(): number {
    if (this.#at === this.#words.length) {
      this.#words = this.#rng
        .at("block")
        .at(++this.#blocks)
        .uint32(BLOCK);
      this.#at = 0;
    }
    return this.#words[this.#at++] as number;
  }

  /** Uniform in [0, 1), 53 bits. */
  unit(): number {
    const high = this.#word() >>> 5;
    return (high * 2 ** 26 + (this.#word() >>> 6)) * 2 ** -53;
  }

  /** Uniform in [low, high]. */
  uniform(low: number, high: number): number {
    return low + (high - low) * this.unit();
  }

  /** A whole number, 0 ... n - 1. */
  integer(n: number): number {
    return Math.floor(this.unit() * n);
  }

  /** True with probability `p`. */
  chance(p: number): boolean {
    return this.unit() < p;
  }

  /** Standard normal (Box and Muller). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.unit()));
    return radius * Math.cos(2 * Math.PI * this.unit());
  }

  /** One of a list. */
  choice<T>(list: readonly T[]): T {
    return list[this.integer(list.length)] as T;
  }
}
