/** One image's logits, in double precision. */

/** Cross-entropy with the right class, in nats: −log softmax(logits)[label]. */
export function crossEntropyOf(logits: ArrayLike<number>, label: number): number {
  const { most, total } = partitionOf(logits);
  return Math.log(total) + most - (logits[label] as number);
}

/** How many classes come before `label`; of equal ones the first comes first, and what is no number is no answer. */
export function rankOf(logits: ArrayLike<number>, label: number): number {
  const own = logits[label] as number;
  if (Number.isNaN(own)) return logits.length;
  let before = 0;
  for (let k = 0; k < logits.length; k++) {
    const value = logits[k] as number;
    if (value > own || (value === own && k < label)) before++;
  }
  return before;
}

/** The most probable class (the first of equals) and its probability. */
export function predictionOf(logits: ArrayLike<number>): { readonly predicted: number; readonly confidence: number } {
  const { most, total } = partitionOf(logits);
  let predicted = 0;
  while (predicted < logits.length - 1 && logits[predicted] !== most) predicted++;
  return { predicted, confidence: 1 / total };
}

/** The largest logit, and the sum of all e^(logit − largest). */
function partitionOf(logits: ArrayLike<number>): { readonly most: number; readonly total: number } {
  let most = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < logits.length; k++) if ((logits[k] as number) > most) most = logits[k] as number;
  let total = 0;
  for (let k = 0; k < logits.length; k++) total += Math.exp((logits[k] as number) - most);
  return { most, total };
}

/**
 * Calls `each` with every image's row of `logits` [N, K].
 * @throws RangeError where lengths do not fit, a label is none of the classes, or logits are no numbers
 */
export function forEachRow(
  name: string,
  classes: number,
  logits: Float32Array,
  labels: ArrayLike<number>,
  each: (row: Float32Array, label: number) => void,
): void {
  if (logits.length !== labels.length * classes) {
    const expected = `${labels.length} x ${classes} logits`;
    throw new RangeError(`${name}: expected ${expected}, found ${logits.length} values`);
  }
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i] as number;
    if (!(Number.isInteger(label) && label >= 0 && label < classes)) {
      throw new RangeError(`${name}: image ${i}: expected a label of 0 to ${classes - 1}, found ${label}`);
    }
    const row = logits.subarray(i * classes, (i + 1) * classes);
    for (const value of row) {
      if (!(value < Number.POSITIVE_INFINITY)) {
        throw new RangeError(`${name}: image ${i}: expected logits that are numbers, found ${value}`);
      }
    }
    each(row, label);
  }
}
