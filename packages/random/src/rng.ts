import { philox4x32 } from "./philox.ts";

/**
 * A stream of random numbers that is a pure function of the seed, the path and the position: no state, so neither the
 * backend nor the order of calls can change a number. To draw again and get other numbers, derive another stream:
 * `rng.at("dropout").at(step)`.
 */
export interface Rng {
  /** The stream under a name or number; `at("a/b")` and `at("a").at("b")` differ, and so do `at(1)` and `at("1")`. */
  at(path: string | number): Rng;
  /** The first `n` words of the stream, uniform over 0 … 2³² − 1. */
  uint32(n: number): Uint32Array;
  /** The first `n` values, uniform in [0, 1): 24 bits each, so that fp32 holds them exactly. */
  uniform(n: number): Float32Array;
  /** The first `n` values of a normal distribution with mean 0 and standard deviation 1 (Box and Muller). */
  normal(n: number): Float32Array;
  /** The first `n` values of a normal distribution cut to [low, high] standard deviations, by inversion. */
  truncatedNormal(n: number, low?: number, high?: number): Float32Array;
  /** A random order of 0 … n − 1. */
  permutation(n: number): Uint32Array;
}

type Key = readonly [number, number, number, number];

/** A 128-bit digest of a name under a parent's key: four Philox words, the name's bytes taken in sixteen at a time. */
function derive(parent: Key, path: string | number): Key {
  const text = typeof path === "number" ? `#${path}` : `$${path}`;
  const bytes = new TextEncoder().encode(text);
  const words = new Uint32Array(Math.ceil((bytes.length + 1) / 8) * 2);
  for (let i = 0; i < bytes.length; i++) {
    words[i >> 2] = (words[i >> 2] as number) | ((bytes[i] as number) << (8 * (i & 3)));
  }
  words[bytes.length >> 2] = (words[bytes.length >> 2] as number) | (0x80 << (8 * (bytes.length & 3)));
  let state = Uint32Array.from(parent);
  for (let i = 0; i < words.length; i += 2) {
    const next = new Uint32Array(4);
    const [s0, s1, s2, s3] = state as unknown as Key;
    // The block is the key and the state the counter; adding the state back makes the step one-way (Davies and Meyer).
    philox4x32(s0, s1, s2, s3, words[i] as number, words[i + 1] as number, next, 0);
    for (let j = 0; j < 4; j++) next[j] = ((next[j] as number) ^ (state[j] as number)) >>> 0;
    state = next;
  }
  return Array.from(state) as unknown as Key;
}

const positive = (n: number): number => {
  if (!Number.isSafeInteger(n) || n < 0) throw new RangeError(`rng: expected a count of 0 or more, found ${n}`);
  return n;
};

class PhiloxRng implements Rng {
  readonly #key: Key;

  constructor(key: Key) {
    this.#key = key;
  }

  at(path: string | number): Rng {
    return new PhiloxRng(derive(this.#key, path));
  }

  uint32(n: number): Uint32Array {
    const words = new Uint32Array(Math.ceil(positive(n) / 4) * 4);
    const [k0, k1, c2, c3] = this.#key;
    for (let i = 0; i < words.length; i += 4) {
      const block = i / 4;
      philox4x32(block >>> 0, Math.floor(block / 2 ** 32), c2, c3, k0, k1, words, i);
    }
    return words.subarray(0, n);
  }

  uniform(n: number): Float32Array {
    const words = this.uint32(n);
    const values = new Float32Array(n);
    for (let i = 0; i < n; i++) values[i] = ((words[i] as number) >>> 8) * 2 ** -24;
    return values;
  }

  normal(n: number): Float32Array {
    const words = this.uint32(2 * Math.ceil(positive(n) / 2));
    const values = new Float32Array(n);
    for (let i = 0; i < n; i += 2) {
      const radius = Math.sqrt(-2 * Math.log(((words[i] as number) + 0.5) * 2 ** -32));
      const angle = 2 * Math.PI * ((words[i + 1] as number) * 2 ** -32);
      values[i] = radius * Math.cos(angle);
      if (i + 1 < n) values[i + 1] = radius * Math.sin(angle);
    }
    return values;
  }

  truncatedNormal(n: number, low = -2, high = 2): Float32Array {
    if (!(low < high)) throw new RangeError(`rng.truncatedNormal: expected low < high, found ${low} and ${high}`);
    const from = normalCdf(low);
    const span = normalCdf(high) - from;
    const words = this.uint32(n);
    const values = new Float32Array(n);
    for (let i = 0; i < n; i++) {
      const value = inverseNormalCdf(from + span * (((words[i] as number) + 0.5) * 2 ** -32));
      values[i] = Math.min(Math.max(value, low), high);
    }
    return values;
  }

  permutation(n: number): Uint32Array {
    const order = Uint32Array.from({ length: positive(n) }, (_, i) => i);
    const words = this.uint32(2 * n);
    for (let i = n - 1; i > 0; i--) {
      // 53 random bits: the bias of the scaled draw is below 1e-9 for any array that fits in memory.
      const fraction = ((words[2 * i] as number) * 2 ** 21 + ((words[2 * i + 1] as number) >>> 11)) * 2 ** -53;
      const j = Math.floor(fraction * (i + 1));
      [order[i], order[j]] = [order[j] as number, order[i] as number];
    }
    return order;
  }
}

/** Φ by the complementary error function's continued fraction and series: about 1e-15, enough for any fp32 draw. */
function normalCdf(x: number): number {
  if (x < 0) return 1 - normalCdf(-x);
  if (x > 38) return 1;
  const density = Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
  if (x < 5) {
    // Φ(x) = 1/2 + φ(x) (x + x³/3 + x⁵/15 + …), Marsaglia 2004.
    let term = x;
    let total = x;
    for (let k = 3; term > total * 1e-17 && k < 400; k += 2) {
      term *= (x * x) / k;
      total += term;
    }
    return 0.5 + density * total;
  }
  let fraction = x;
  for (let k = 60; k >= 1; k--) fraction = x + k / fraction;
  return 1 - density / fraction;
}

/** Φ⁻¹ by Acklam's rational approximation: within 1.2e-9 of the value, below fp32's own steps. */
function inverseNormalCdf(p: number): number {
  if (p > 0.5) return -inverseNormalCdf(1 - p);
  if (p <= 0) return Number.NEGATIVE_INFINITY;
  if (p < 0.02425) {
    const q = Math.sqrt(-2 * Math.log(p));
    const top =
      ((((-7.784894002430293e-3 * q - 3.223964580411365e-1) * q - 2.400758277161838) * q - 2.549732539343734) * q +
        4.374664141464968) *
        q +
      2.938163982698783;
    const bottom =
      (((7.784695709041462e-3 * q + 3.224671290700398e-1) * q + 2.445134137142996) * q + 3.754408661907416) * q + 1;
    return top / bottom;
  }
  const q = p - 0.5;
  const r = q * q;
  const top =
    ((((-3.969683028665376e1 * r + 2.209460984245205e2) * r - 2.759285104469687e2) * r + 1.38357751867269e2) * r -
      3.066479806614716e1) *
      r +
    2.506628277459239;
  const bottom =
    ((((-5.447609879822406e1 * r + 1.615858368580409e2) * r - 1.556989798598866e2) * r + 6.680131188771972e1) * r -
      1.328068155288572e1) *
      r +
    1;
  return (top * q) / bottom;
}

/**
 * The root of all streams of a seed.
 * @param seed any integer that a double holds exactly
 */
export function createRng(seed: number): Rng {
  if (!Number.isSafeInteger(seed))
    throw new RangeError(`createRng: expected a seed that is a safe integer, found ${seed}`);
  const high = Math.floor(seed / 2 ** 32);
  return new PhiloxRng(derive([seed >>> 0, high >>> 0, 0, 0], "root"));
}
