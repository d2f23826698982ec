// A plot of speed against agreement, as SVG.
const [WIDTH, HEIGHT, LEFT, BOTTOM] = [640, 400, 70, 50];

/** Puts each label beside its point, where none of the others is and the plot has not ended. */
function placed(points) {
  const boxes = points.map(({ at: [x, y] }) => [x - 5, y - 5, x + 5, y + 5]);
  return points.map(({ at: [x, y], label }) => {
    const width = 5.6 * label.length;
    const places = [0, 12, -12, 24, -24, 36, -36, 48, -48].flatMap((down) =>
      [x + 8, x - 8 - width].map((left) => [left, y - 6 + down, left + width, y + 5 + down]),
    );
    const free = ([left, top, right, bottom]) =>
      left >= LEFT && right <= WIDTH && boxes.every(([a, b, c, d]) => left > c || right < a || top > d || bottom < b);
    const box = places.find(free) ?? places[0];
    boxes.push(box);
    return { at: [box[0], box[3] - 1], label };
  });
}

/** @param {{ speed: number, agreement: number, interval: [number, number], label: string }[]} points */
export function curve(points, { title, xAxis, yAxis, goal }) {
  const xs = points.map(({ speed }) => speed);
  const [x0, x1] = [Math.min(...xs) * 0.95, Math.max(...xs) * 1.05];
  const [y0, y1] = [Math.min(...points.map(({ interval }) => interval[0]), goal) - 0.01, 1];
  const x = (v) => LEFT + ((v - x0) / (x1 - x0)) * (WIDTH - LEFT - 20);
  const y = (v) => 40 + ((y1 - v) / (y1 - y0)) * (HEIGHT - 40 - BOTTOM);
  const text = (at, content, more = "") =>
    `<text x="${at[0].toFixed(1)}" y="${at[1].toFixed(1)}" ${more}>${content}</text>`;
  const percent = (v) => `${(100 * v).toFixed(1)} %`;
  const ticks = [0, 0.25, 0.5, 0.75, 1].flatMap((t) => [
    text([LEFT - 6, y(y0 + t * (y1 - y0)) + 4], percent(y0 + t * (y1 - y0)), 'text-anchor="end"'),
    text([x(x0 + t * (x1 - x0)), HEIGHT - BOTTOM + 18], (x0 + t * (x1 - x0)).toFixed(2), 'text-anchor="middle"'),
  ]);
  const marks = points.flatMap(({ speed, agreement, interval: [low, high] }) => [
    `<line x1="${x(speed).toFixed(1)}" x2="${x(speed).toFixed(1)}" y1="${y(low).toFixed(1)}" y2="${y(high).toFixed(1)}" stroke="#999"/>`,
    `<circle cx="${x(speed).toFixed(1)}" cy="${y(agreement).toFixed(1)}" r="4" fill="#0a58ca"/>`,
  ]);
  const labels = placed(points.map(({ speed, agreement, label }) => ({ at: [x(speed), y(agreement)], label })));
  marks.push(...labels.map(({ at, label }) => text(at, label)));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="white"/>
${text([LEFT, 24], title, 'font-size="14"')}
<path d="M${LEFT} 40V${HEIGHT - BOTTOM}H${WIDTH - 20}" fill="none" stroke="black"/>
<line x1="${LEFT}" x2="${WIDTH - 20}" y1="${y(goal).toFixed(1)}" y2="${y(goal).toFixed(1)}" stroke="#c00" stroke-dasharray="4 4"/>
${text([WIDTH - 22, y(goal) - 4], percent(goal), 'text-anchor="end" fill="#c00"')}
${[...ticks, ...marks].join("\n")}
${text([(LEFT + WIDTH) / 2, HEIGHT - 12], xAxis, 'text-anchor="middle"')}
${text([16, HEIGHT / 2], yAxis, `text-anchor="middle" transform="rotate(-90 16 ${HEIGHT / 2})"`)}
</svg>
`;
}
