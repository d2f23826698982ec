import { extent, linearScale, logScale, type Scale } from "./scale.ts";
import { colour, label, px, sheet, WIDTH, widthOf } from "./svg.ts";

/** One curve. Points that are no numbers are gaps. */
export interface Curve {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface LinePlotOptions {
  readonly title: string;
  readonly xLabel: string;
  /** In order: each has the next colour. */
  readonly curves: readonly Curve[];
  /** Ticks of the upward axis: as numbers, or fractions as per cent. Default "number". */
  readonly unit?: "number" | "percent";
  /** Default "linear". */
  readonly yScale?: "linear" | "log";
}

const HEIGHT = 380;
const BOX = { left: 64, right: WIDTH - 20, top: 62, bottom: HEIGHT - 48 };
/** More points than that are drawn as the lowest and the highest of each stretch: two a pixel are seen as one. */
const MOST_POINTS = 1000;
const MOST_DOTS = 40;

/** Curves over epochs or updates, as an SVG document that is readable on light and on dark ground. */
export function linePlot({ title, xLabel, curves, unit = "number", yScale = "linear" }: LinePlotOptions): string {
  const seen = curves.map(({ points }) => points.filter(([x, y]) => Number.isFinite(x) && isShown(y, yScale)));
  const xs = seen.flat().map(([x]) => x);
  const whole = xs.every(Number.isInteger);
  const x = narrow(extent(xs), whole);
  const range = extent(seen.flat().map(([, y]) => y));
  const pixels = [BOX.bottom, BOX.top] as const;
  const y =
    yScale === "log" && seen.flat().length > 0
      ? logScale(range, pixels)
      : linearScale(range, pixels, { percent: unit === "percent" });
  const empty = seen.every((points) => points.length === 0);
  const drawn = curves.map(({ points }, i) => curve(thin(points), i, x, y));
  return sheet(title, WIDTH, HEIGHT, [
    ...grid(x, y),
    ...legend(curves.map(({ name }) => name)),
    ...drawn,
    label((BOX.left + BOX.right) / 2, HEIGHT - 12, xLabel, "middle"),
    ...(empty ? [label((BOX.left + BOX.right) / 2, (BOX.top + BOX.bottom) / 2, "nothing yet", "middle")] : []),
  ]);
}

const isShown = (y: number, scale: "linear" | "log") => Number.isFinite(y) && (scale === "linear" || y > 0);

/** The horizontal axis ends where the curves end, not at the next round value. */
function narrow([low, high]: readonly [number, number], whole: boolean): Scale {
  const [from, to] = low === high ? [low - 0.5, high + 0.5] : [low, high];
  const { ticks } = linearScale([low, high], [0, 1], { count: 8, whole });
  return {
    at: (value) => BOX.left + ((value - from) / (to - from)) * (BOX.right - BOX.left),
    ticks: ticks.filter(({ value }) => value >= from && value <= to),
  };
}

function grid(x: Scale, y: Scale): string[] {
  const rows = y.ticks.flatMap(({ value, label: text }) => [
    `<path class="grid" d="M${BOX.left} ${px(y.at(value))}H${BOX.right}"/>`,
    label(BOX.left - 8, y.at(value) + 4, text, "end"),
  ]);
  return [...rows, ...x.ticks.map(({ value, label: text }) => label(x.at(value), BOX.bottom + 18, text, "middle"))];
}

function legend(names: readonly string[]): string[] {
  let left = BOX.left;
  return names.flatMap((name, i) => {
    const at = left;
    left += 40 + widthOf(name);
    return [`<path class="curve" style="stroke: ${colour(i)}" d="M${at} 46h16"/>`, label(at + 22, 50, name)];
  });
}

function curve(points: Curve["points"], index: number, x: Scale, y: Scale): string {
  const runs: string[][] = [[]];
  for (const [a, b] of points) {
    const [across, up] = [x.at(a), y.at(b)];
    if (Number.isFinite(across) && Number.isFinite(up)) runs.at(-1)?.push(`${px(across)} ${px(up)}`);
    else runs.push([]);
  }
  const path = runs.filter((run) => run.length > 1).map((run) => `M${run.join("L")}`);
  const line = path.length > 0 ? [`<path class="curve" style="stroke: ${colour(index)}" d="${path.join("")}"/>`] : [];
  // A point with gaps around it would not be seen; few points are shown as what they are.
  const dotted = points.length <= MOST_DOTS ? runs : runs.filter((run) => run.length === 1);
  const dots = dotted.flat().map((point) => {
    const [across, up] = point.split(" ");
    return `<circle cx="${across}" cy="${up}" r="2.5" style="fill: ${colour(index)}"/>`;
  });
  return [...line, ...dots].join("\n");
}

/** The lowest and the highest point of each stretch, in order; a stretch with a gap keeps it. */
function thin(points: Curve["points"]): Curve["points"] {
  if (points.length <= MOST_POINTS) return points;
  const size = Math.ceil((2 * points.length) / MOST_POINTS);
  const kept: (readonly [number, number])[] = [];
  for (let from = 0; from < points.length; from += size) {
    const stretch = points.slice(from, from + size);
    const gap = stretch.find(([, y]) => !Number.isFinite(y));
    const finite = stretch.filter(([, y]) => Number.isFinite(y));
    const [low, high] = extent(finite.map(([, y]) => y));
    const ends = finite.filter(([, y], i) => {
      return y === low
        ? finite.findIndex((one) => one[1] === low) === i
        : y === high && finite.findIndex((one) => one[1] === high) === i;
    });
    kept.push(...ends, ...(gap ? [gap] : []));
  }
  return kept;
}
