/** Filters that are known before a session opens, as blocked convolutions read them: made here, once, and not in the graph. */

/**
 * A filter [K, C, kh, kw] as [K / b, C / b, kh, kw, b of C, b of K], or [K / b, C, kh, kw, b] where there is no whole block of C.
 */
export function blockFilterValues(filter: Float32Array, shape: readonly number[], block: number): Float32Array {
  const [K, C, kh, kw] = shape as [number, number, number, number];
  const out = new Float32Array(filter.length);
  scatter(filter, [K, C], kh * kw, block, out, kh * kw, (tap) => tap);
  return out;
}

/** The rows of a filter [K, C, 3, 3], each in blocks: [3, K / b, C / b, 3, b of C, b of K]. */
export function rowsOfFilter(filter: Float32Array, shape: readonly number[], block: number): Float32Array {
  const [K, C] = shape as [number, number];
  const out = new Float32Array(filter.length);
  // Another row's run begins after all of the row before.
  const runs = (K * C) / block ** 2;
  scatter(filter, [K, C], 9, block, out, 3, (tap) => Math.floor(tap / 3) * 3 * runs + (tap % 3));
  return out;
}

/** Each tap's values, [K / b, C / b, b of C, b of K], to where `place` says that its first lie; `of` taps lie side by side there. */
function scatter(
  filter: Float32Array,
  [K, C]: readonly [number, number],
  taps: number,
  b: number,
  out: Float32Array,
  of: number,
  place: (tap: number) => number,
): void {
  const [blocks, within] = C < b ? [C, 1] : [C / b, b];
  const run = within * b;
  const places = Array.from({ length: taps }, (_, tap) => place(tap) * run);
  for (let k = 0; k < K / b; k++) {
    for (let c = 0; c < blocks; c++) {
      const from = (k * b * C + c * within) * taps;
      const to = (k * blocks + c) * of * run;
      for (let tap = 0; tap < taps; tap++) {
        turn(filter, from + tap, taps, C * taps, out, to + (places[tap] as number), within, b);
      }
    }
  }
}

/** Rows of b values, which lie `far` from each other, the rows `near`. */
function turn(
  values: Float32Array,
  from: number,
  near: number,
  far: number,
  out: Float32Array,
  to: number,
  rows: number,
  b: number,
): void {
  let next = to;
  for (let i = 0; i < rows; i++) {
    let at = from + i * near;
    for (let j = 0; j < b; j++) {
      out[next++] = values[at] as number;
      at += far;
    }
  }
}
