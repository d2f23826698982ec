import { describe, expect, test } from "vitest";
import { classifierMetrics } from "../../metrics/classifier.ts";
import { confusionPlot } from "./confusion-plot.ts";
import { linePlot } from "./lines.ts";
import { reliabilityPlot } from "./reliability-plot.ts";
import { runPlots } from "./run-plots.ts";
import { linearScale, logScale } from "./scale.ts";

/** Every element is closed by its own kind, no number is none, and nothing but text and attributes has letters. */
function expectSound(svg: string): void {
  expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  const open: string[] = [];
  const outside = svg.replace(
    /<(\/?)(\w+)((?:\s[\w:-]+="[^"<]*")*)\s*(\/?)>/g,
    (_, closing, name, _attributes, empty) => {
      if (closing) expect(open.pop()).toBe(name);
      else if (!empty) open.push(name);
      return "";
    },
  );
  expect(open).toEqual([]);
  expect(outside).not.toMatch(/[<>]|&(?!(amp|lt|gt|quot);)/);
}

const labels = (scale: { ticks: readonly { label: string }[] }) => scale.ticks.map(({ label }) => label);

describe("scales", () => {
  test("ticks are round, and hold the range", () => {
    expect(labels(linearScale([0.13, 0.87], [0, 1]))).toEqual(["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
    expect(labels(linearScale([0.971, 0.982], [0, 1], { percent: true }))).toEqual([
      "97.0 %",
      "97.5 %",
      "98.0 %",
      "98.5 %",
    ]);
    expect(labels(linearScale([1, 3], [0, 1], { count: 8, whole: true }))).toEqual(["1", "2", "3"]);
    expect(labels(linearScale([-2e-6, 3e-6], [0, 1]))).toEqual(["-2e-6", "-1e-6", "0", "1e-6", "2e-6", "3e-6"]);
    expect(labels(linearScale([0, 250000], [0, 1]))).toEqual(["0", "50000", "1e+5", "1.5e+5", "2e+5", "2.5e+5"]);
  });

  test("a range of one value has room around it", () => {
    const { at, ticks } = linearScale([5, 5], [0, 100]);
    expect(at(5)).toBeGreaterThan(0);
    expect(ticks.length).toBeGreaterThan(2);
    expect(linearScale([0, 0], [0, 100]).at(0)).toBe(50);
    expect(logScale([5, 5], [0, 100]).at(5)).toBeCloseTo(50);
  });

  test("logarithms have a tick a decade, and no place for zero", () => {
    expect(labels(logScale([1e-5, 1], [0, 1]))).toEqual(["1e-5", "1e-4", "0.001", "0.01", "0.1", "1"]);
    expect(labels(logScale([0.1, 1], [0, 1]))).toEqual(["0.1", "0.2", "0.5", "1"]);
    expect(labels(logScale([1e-30, 1], [0, 1])).length).toBeLessThan(10);
    expect(logScale([1, 10], [0, 1]).at(0)).toBeNaN();
  });
});

describe("linePlot", () => {
  const plot = (points: (readonly [number, number])[], more = {}) =>
    linePlot({ title: "Loss", xLabel: "epoch", curves: [{ name: "training", points }], ...more });

  test("draws curves, gaps where there are no numbers, and dots for points on their own", () => {
    const svg = plot([
      [1, 2],
      [2, 1],
      [3, Number.NaN],
      [4, 1],
      [5, Number.POSITIVE_INFINITY],
    ]);
    expectSound(svg);
    expect(svg.match(/class="curve" style="stroke: var\(--c0\)" d="M[\d. ]+L[\d. ]+"/g)).toHaveLength(1);
    expect(svg.match(/<circle/g)).toHaveLength(3);
  });

  test("tells many curves by colour and dashes, their names in rows, and says how far points may be off", () => {
    const curves = [0, 0, 1, 1].map((colour, i) => ({
      name: `network ${colour} at some length, trained the one way or the other`,
      points: [[0, 0.5] as const, [1, 0.7 + i / 20] as const],
      margins: [0.02, 0],
      colour,
      dashed: i % 2 === 1,
    }));
    const xTicks = [10, 100].map((percent, value) => ({ value, label: `${percent} %` }));
    const svg = linePlot({ title: "Right", xLabel: "data", unit: "percent", xTicks, curves });
    expectSound(svg);
    expect(svg.match(/stroke-dasharray/g)).toHaveLength(2 * 2); // the curves and their names
    expect(new Set(svg.match(/(?<=<text x="86" y=")\d+/g))).toEqual(new Set(["50", "68", "86", "104"]));
    expect(svg).toContain('height="434"');
    expect(svg.match(/V[\d.]+"\/>/g)).toHaveLength(4); // one point of each curve
    for (const { label } of xTicks) expect(svg).toContain(`>${label}</text>`);
  });

  test("says when there is nothing yet", () => {
    for (const points of [[], [[1, Number.NaN] as const]]) {
      const svg = plot(points);
      expectSound(svg);
      expect(svg).toContain("nothing yet");
    }
    expectSound(plot([[1, 0]], { yScale: "log" }));
    expectSound(plot([[1, 3]], { yScale: "log" }));
  });

  test("a hundred thousand points take the room of a thousand, their extremes kept", () => {
    const points = Array.from({ length: 100_000 }, (_, i) => [i, i === 54_321 ? 100 : i % 7] as const);
    const svg = plot(points);
    expectSound(svg);
    expect(svg.length).toBeLessThan(20_000);
    expect(svg).toContain(" 62L"); // the peak reaches the top of the box
  });

  test("names cannot break out", () => {
    const name = `</text><script>alert("1")</script>&\u0000`;
    const svg = linePlot({ title: name, xLabel: name, curves: [{ name, points: [[1, 1]] }] });
    expectSound(svg);
    expect(svg).not.toContain("<script>");
  });
});

test("a run's plots pass over what was not measured", () => {
  const history = [0, 1, 2, 3].map((epoch) => ({
    epoch,
    updates: 10 * (epoch + 1),
    lr: 0.1 / (epoch + 1),
    train: { loss: 2 - epoch / 4, gradNorm: 1 },
    ...(epoch % 2 === 1 ? { validation: { loss: 1.5, top1: 0.5, top5: 0.9 } } : {}),
    best: true,
  }));
  const plots = runPlots(history);
  for (const svg of [...Object.values(plots), ...Object.values(runPlots([]))]) expectSound(svg);
  expect(plots["accuracy.svg"]).toContain(">validation, top 5<");
  expect(plots["accuracy.svg"]).not.toContain(">training<");
  expect(plots["loss.svg"].match(/<circle/g)).toHaveLength(4 + 2);
});

describe("confusionPlot", () => {
  const matrix = (classes: number) => {
    const counts = new Uint32Array(classes * classes);
    for (let k = 0; k < classes; k++) {
      counts[k * classes + k] = 10;
      counts[k * classes + ((k * 7 + 1) % classes)] = k;
    }
    return { classes, counts };
  };
  const names = (count: number) => Array.from({ length: count }, (_, k) => `class <${k}> & so on, at length`);

  test("draws what there is, with the counts where they can be read", () => {
    const svg = confusionPlot({ classes: 2, counts: Uint32Array.of(1500, 0, 3, 1) }, { classes: ["cat", "dog"] });
    expectSound(svg);
    expect(svg).toContain(">2k</text>");
    expect(svg).toContain("<title>dog → cat: 3 (75.0 %)</title>");
    expect(svg.match(/fill-opacity/g)).toHaveLength(3);
    expectSound(confusionPlot({ classes: 2, counts: new Uint32Array(4) }, { classes: ["cat", "dog"] }));
  });

  test("of many classes it shows those with the most wrong images", () => {
    const svg = confusionPlot(matrix(200), { classes: names(200) });
    expectSound(svg);
    expect(svg).toContain("the 30 of 200 classes with the most wrong images");
    expect(svg).toContain("class &lt;199&gt;");
    expect(svg).not.toContain("class &lt;3&gt;");
    expect(svg.length).toBeLessThan(100_000);
  });

  test("refuses names that do not fit", () => {
    expect(() => confusionPlot(matrix(3), { classes: ["a"] })).toThrow("expected 3 classes' names, found 1");
  });
});

test("a reliability diagram shows bins with answers alone", () => {
  const metrics = classifierMetrics({ classes: 2, bins: 10 });
  metrics.add(Float32Array.of(3, 0, 0, 1, 0.5, 0), [0, 0, 0]);
  const svg = reliabilityPlot(metrics.report().calibration);
  expectSound(svg);
  expect(svg.match(/<title>1 answers<\/title>/g)).toHaveLength(3);
  expectSound(reliabilityPlot(classifierMetrics({ classes: 2 }).report().calibration));
});
