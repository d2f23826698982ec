/** The k best classes of one row of logits, best first; equal logits in the order of their index. */
export interface Best {
  readonly index: number;
  readonly probability: number;
}

/**
 * Softmax over one row in fp64, with the maximum taken off first, so that no logit is too large. Ties keep the order of the index.
 *
 * @param logits one row, `[classes]`
 * @param k how many; more than there are classes gives all of them
 */
export function topK(logits: ArrayLike<number>, k: number): Best[] {
  const max = maximum(logits);
  let total = 0;
  for (let i = 0; i < logits.length; i++) total += Math.exp(Number(logits[i]) - max);
  return Array.from({ length: logits.length }, (_, index) => index)
    .sort((a, b) => Number(logits[b]) - Number(logits[a]) || a - b)
    .slice(0, k)
    .map((index) => ({ index, probability: Math.exp(Number(logits[index]) - max) / total }));
}

/** `T · log Σ exp(logit / T)`: the negative free energy of Liu et al. 2020 (https://arxiv.org/abs/2010.03759, eq. 4). Higher is more familiar. */
export function negativeEnergy(logits: ArrayLike<number>, temperature = 1): number {
  const max = maximum(logits);
  let total = 0;
  for (let i = 0; i < logits.length; i++) total += Math.exp((Number(logits[i]) - max) / temperature);
  return max + temperature * Math.log(total);
}

/** The largest of a row. */
export function maximum(logits: ArrayLike<number>): number {
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < logits.length; i++) max = Math.max(max, Number(logits[i])); // NaN stays
  return max;
}
