import { extent, linearScale, logScale, type Scale } from "./scale.ts";
import { colour, label, px, sheet, WIDTH, widthOf } from "./svg.ts";

/** One curve. Points that are no numbers are gaps. */
export interface Curve {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** How far each point may be off, up and down. */
  readonly margins?: readonly number[];
  /** Which colour of the palette. Default: the curve's place among the others. */
  readonly colour?: number;
  readonly dashed?: boolean;
}

export interface LinePlotOptions {
  readonly title: string;
  readonly xLabel: string;
  readonly curves: readonly Curve[];
  /** What the horizontal axis says, and where. Default: round values of its range. */
  readonly xTicks?: Scale["ticks"];
  /** Ticks of the upward axis: as numbers, or fractions as per cent. Default "number". */
  readonly unit?: "number" | "percent";
  /** Default "linear". */
  readonly yScale?: "linear" | "log";
}

const LEFT = 64;
const RIGHT = WIDTH - 20;
/** Of what the curves are drawn in. */
const INNER = 270;
const ROW = 18;
/** More points than that are drawn as the lowest and the highest of each stretch: two a pixel are seen as one. */
const MOST_POINTS = 1000;
const MOST_DOTS = 40;

/** Curves over epochs or updates, as an SVG document that is readable on light and on dark ground. */
export function linePlot(options: LinePlotOptions): string {
  const { title, xLabel, curves, unit = "number", yScale = "linear", xTicks } = options;
  const seen = curves.map(({ points }) => points.filter(([x, y]) => Number.isFinite(x) && isShown(y, yScale)));
  const xs = seen.flat().map(([x]) => x);
  const x = xTicks ? spread(xTicks) : narrow(extent(xs), xs.every(Number.isInteger));
  const ends = curves.flatMap(({ points, margins = [] }) =>
    points.flatMap(([, y], i) => [y - (margins[i] ?? 0), y + (margins[i] ?? 0)]).filter((y) => isShown(y, yScale)),
  );
  const range = extent(ends);
  const names = legend(curves);
  const top = 44 + ROW * names.rows;
  const bottom = top + INNER;
  const pixels = [bottom, top] as const;
  const y =
    yScale === "log" && ends.length > 0
      ? logScale(range, pixels)
      : linearScale(range, pixels, { percent: unit === "percent" });
  const drawn = curves.map((one, i) => whiskers(one, i, x, y) + curve({ ...one, points: thin(one.points) }, i, x, y));
  const middle = (LEFT + RIGHT) / 2;
  return sheet(title, WIDTH, bottom + 48, [
    ...grid(x, y, bottom),
    ...names.drawn,
    ...drawn,
    label(middle, bottom + 36, xLabel, "middle"),
    ...(seen.every((points) => points.length === 0)
      ? [label(middle, (top + bottom) / 2, "nothing yet", "middle")]
      : []),
  ]);
}

const isShown = (y: number, scale: "linear" | "log") => Number.isFinite(y) && (scale === "linear" || y > 0);

const across = (value: number, from: number, to: number) => LEFT + ((value - from) / (to - from)) * (RIGHT - LEFT);

/** The horizontal axis ends where the curves end, not at the next round value. */
function narrow([low, high]: readonly [number, number], whole: boolean): Scale {
  const [from, to] = low === high ? [low - 0.5, high + 0.5] : [low, high];
  const { ticks } = linearScale([low, high], [0, 1], { count: 8, whole });
  return {
    at: (value) => across(value, from, to),
    ticks: ticks.filter(({ value }) => value >= from && value <= to),
  };
}

/** An axis of given places, with some room on both sides. */
function spread(ticks: Scale["ticks"]): Scale {
  const [low, high] = extent(ticks.map(({ value }) => value));
  const room = low === high ? 0.5 : 0.08 * (high - low);
  return { at: (value) => across(value, low - room, high + room), ticks };
}

function grid(x: Scale, y: Scale, bottom: number): string[] {
  const rows = y.ticks.flatMap(({ value, label: text }) => [
    `<path class="grid" d="M${LEFT} ${px(y.at(value))}H${RIGHT}"/>`,
    label(LEFT - 8, y.at(value) + 4, text, "end"),
  ]);
  return [...rows, ...x.ticks.map(({ value, label: text }) => label(x.at(value), bottom + 18, text, "middle"))];
}

const strokeOf = ({ colour: own, dashed }: Curve, index: number): string =>
  `style="stroke: ${colour(own ?? index)}"${dashed ? ' stroke-dasharray="6 5"' : ""}`;

/** The curves' names, in as many rows as they need. */
function legend(curves: readonly Curve[]): { readonly rows: number; readonly drawn: readonly string[] } {
  let left = LEFT;
  let rows = 1;
  const drawn = curves.flatMap((one, i) => {
    const wide = 40 + widthOf(one.name);
    if (left > LEFT && left + wide - 18 > WIDTH) {
      left = LEFT;
      rows++;
    }
    const [at, y] = [left, 28 + ROW * rows];
    left += wide;
    return [`<path class="curve" ${strokeOf(one, i)} d="M${at} ${y}h16"/>`, label(at + 22, y + 4, one.name)];
  });
  return { rows, drawn };
}

function whiskers({ points, margins = [], ...one }: Curve, index: number, x: Scale, y: Scale): string {
  const stroke = strokeOf({ ...one, points, dashed: false }, index);
  return points
    .flatMap(([a, b], i) => {
      const [low, high] = [y.at(b - (margins[i] ?? 0)), y.at(b + (margins[i] ?? 0))];
      const seen = (margins[i] ?? 0) > 0 && Number.isFinite(low) && Number.isFinite(high);
      return seen ? [`<path class="curve" ${stroke} d="M${px(x.at(a))} ${px(low)}V${px(high)}"/>\n`] : [];
    })
    .join("");
}

function curve(one: Curve, index: number, x: Scale, y: Scale): string {
  const { points } = one;
  const runs: string[][] = [[]];
  for (const [a, b] of points) {
    const [right, up] = [x.at(a), y.at(b)];
    if (Number.isFinite(right) && Number.isFinite(up)) runs.at(-1)?.push(`${px(right)} ${px(up)}`);
    else runs.push([]);
  }
  const path = runs.filter((run) => run.length > 1).map((run) => `M${run.join("L")}`);
  const line = path.length > 0 ? [`<path class="curve" ${strokeOf(one, index)} d="${path.join("")}"/>`] : [];
  // A point with gaps around it would not be seen; few points are shown as what they are.
  const dotted = points.length <= MOST_DOTS ? runs : runs.filter((run) => run.length === 1);
  const dots = dotted.flat().map((point) => {
    const [right, up] = point.split(" ");
    return `<circle cx="${right}" cy="${up}" r="2.5" style="fill: ${colour(one.colour ?? index)}"/>`;
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
