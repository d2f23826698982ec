/** Random numbers of one file: the same for a seed and a number, whatever came before (mulberry32). */
export class Random {
  #state;

  constructor(seed, file) {
    this.#state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(file + 1, 0x85ebca6b)) >>> 0;
  }

  /** A whole number from 0 to n - 1. */
  below(n) {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  /** Once in n times. */
  once(n) {
    return this.below(n) === 0;
  }

  bytes(length) {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}
