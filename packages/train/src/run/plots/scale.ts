/** From values to pixels, and the round values between. */

export interface Scale {
  /** The pixel of a value; NaN where it has none (a logarithm of 0). */
  readonly at: (value: number) => number;
  /** Round values within the range, with their labels. */
  readonly ticks: readonly { readonly value: number; readonly label: string }[];
}

export type Range = readonly [number, number];

/** The smallest and the largest of the values that are numbers; [0, 1] where there are none. */
export function extent(values: Iterable<number>): Range {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return low > high ? [0, 1] : [low, high];
}

/** The step of 1, 2 or 5 times a power of ten that cuts `span` into about `count` parts. */
function roundStep(span: number, count: number): number {
  const rough = span / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((one) => one * power >= rough * 0.999) ?? 10;
  return factor * power;
}

/**
 * A straight scale, its range widened to round values.
 * @param pixels where the range begins and ends
 * @param count about how many ticks
 * @param whole ticks at whole numbers only
 */
export function linearScale(
  [low, high]: Range,
  pixels: Range,
  { count = 5, whole = false, percent = false }: { count?: number; whole?: boolean; percent?: boolean } = {},
): Scale {
  const margin = low === high ? Math.abs(low) / 2 || 1 : 0;
  const raw = roundStep(high + margin - (low - margin), count);
  const step = whole ? Math.max(1, Math.round(raw)) : raw;
  const first = Math.floor((low - margin) / step + 1e-9);
  const last = Math.ceil((high + margin) / step - 1e-9);
  const digits = Math.max(0, -Math.floor(Math.log10(step * (percent ? 100 : 1)) + 1e-9));
  const label = (value: number) => (percent ? `${(100 * value).toFixed(digits)} %` : round(value, digits));
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => {
    const value = (first + i) * step;
    return { value, label: label(value) };
  });
  const [from, to] = [first * step, last * step];
  return { at: (value) => pixels[0] + ((value - from) / (to - from)) * (pixels[1] - pixels[0]), ticks };
}

/** A logarithmic scale: a tick a decade, and 2 and 5 between where there are few decades. */
export function logScale([low, high]: Range, pixels: Range): Scale {
  const margin = low === high ? 0.5 : 0.03 * Math.log10(high / low);
  const [from, to] = [Math.log10(low) - margin, Math.log10(high) + margin];
  const powers = Array.from({ length: Math.floor(to) - Math.floor(from) + 1 }, (_, i) => Math.floor(from) + i);
  const factors = to - from <= 3 ? [1, 2, 5] : [1];
  const skip = Math.ceil(powers.length / 8);
  const ticks = powers
    .filter((power) => power % skip === 0)
    .flatMap((power) => factors.map((factor) => Number(`${factor}e${power}`)))
    .filter((value) => Math.log10(value) >= from && Math.log10(value) <= to)
    .map((value) => ({ value, label: short(value) }));
  const at = (value: number) =>
    value > 0 ? pixels[0] + ((Math.log10(value) - from) / (to - from)) * (pixels[1] - pixels[0]) : Number.NaN;
  return { at, ticks };
}

const round = (value: number, digits: number): string =>
  Math.abs(value) >= 1e5 || digits > 4 ? short(value) : value.toFixed(digits);

/** At most three digits, with a power of ten where that is shorter. */
export function short(value: number): string {
  const rounded = Number(value.toPrecision(3));
  const size = Math.abs(rounded);
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? rounded.toExponential() : String(rounded);
}
