/** One image's logits, in double precision. */

/** Cross-entropy with the right class, in nats: −log softmax(logits)[label]. */
export const crossEntropyOf = (logits: ArrayLike<number>, label: number): number => answerOf(logits, label).loss;

/** The most probable class (the first of equals) and its probability. */
export const predictionOf = (logits: ArrayLike<number>): Pick<RowAnswer, "predicted" | "confidence"> =>
  answerOf(logits, 0);

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

/** What an image's logits say, and how that fits its class. */
export interface RowAnswer {
  /** The most probable class, the first of equals, and its probability. */
  readonly predicted: number;
  readonly confidence: number;
  /** Cross-entropy with the right class, in nats: −log softmax(logits)[label]. */
  readonly loss: number;
}

export function answerOf(logits: ArrayLike<number>, label: number): RowAnswer {
  let predicted = 0;
  for (let k = 1; k < logits.length; k++) if ((logits[k] as number) > (logits[predicted] as number)) predicted = k;
  const most = logits[predicted] as number;
  let total = 0;
  for (let k = 0; k < logits.length; k++) total += Math.exp((logits[k] as number) - most);
  return { predicted, confidence: 1 / total, loss: Math.log(total) + most - (logits[label] as number) };
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
