import { existsSync } from "node:fs";
import { createModel, summarize, withModelArgs } from "@vitrail/layers";
import { useBackend } from "@vitrail/tensor";
import { expect, test } from "vitest";
import { models } from "../../../cli/src/models-table.ts";
import { checkRecipe } from "../../../cli/src/train/recipe.ts";
import { processors } from "./cores.ts";
import { FAMILIES, FRACTIONS, plan, type Run, TRANSFER_IMAGES } from "./plan.ts";
import { plot } from "./plot.ts";
import { page, table, verdict } from "./report.ts";
import { cellOf, type Result } from "./results.ts";
import { argsOf } from "./study.ts";

const result = (run: Run, top1: number): Result => ({ ...run, top1, judged: 4000, seconds: run.images / 250 });
/** Figures that follow a rule, so that sentences can be known beforehand. */
const given = (top1: (run: Run) => number, seeds = 1) => plan({ seeds }).map((run) => result(run, top1(run)));
const invented = ({ family, kind, fraction, seed }: Run) =>
  0.5 +
  0.1 * Math.log10(fraction * 100) +
  (kind === "transfer" ? 0.1 : 0) +
  (family === "resnet" ? 0.05 : 0) +
  seed / 100;

test("every run sees as many images as the others, and a pretraining comes before what begins from it", () => {
  const all = plan();
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  expect(all.length).toBe(3 + 3 * (3 + 3) + 3);
  for (const [i, { kind, images, epochs, fraction, after, settings }] of all.entries()) {
    expect(Number.isInteger(epochs)).toBe(true);
    if (kind === "pretrain") continue;
    expect(images).toBe(TRANSFER_IMAGES);
    expect(epochs * 20_000 * fraction).toBe(TRANSFER_IMAGES);
    expect((20_000 * fraction) % (settings.batch_size as number)).toBe(0); // no picture is left out of an epoch
    if (after !== undefined) expect(all.findIndex(({ name }) => name === after)).toBeLessThan(i);
  }
  expect(
    plan({ seeds: 2 })
      .filter(({ seed }) => seed === 1)
      .every(({ name }) => name.endsWith("-seed1")),
  ).toBe(true);
  expect(plan({ limit: 40 }).every(({ epochs, images }) => epochs === 1 && images <= 40)).toBe(true);
});

test("every setting is one of vitrail train, and a run's words are the same each time", () => {
  for (const run of plan()) {
    checkRecipe(run.settings, run.name);
    const args = argsOf(run, "data", (name) => `runs/${name}`);
    expect(args).toEqual(argsOf(run, "data", (name) => `runs/${name}`));
    expect(args.slice(0, 2)).toEqual(["train", "--resume"]);
    const weights = args[args.indexOf("--weights") + 1] as string;
    if (run.kind === "scratch" || run.kind === "pretrain") expect(weights).toBe("none");
    else if (run.after) expect(weights).toBe(`runs/${run.after}`);
    else expect(existsSync(weights) || weights.includes("timm")).toBe(true);
  }
});

test("the networks have the sizes that the table says, and those pretrained here are alike in them", async () => {
  await useBackend("wasm");
  for (const { title, model, settings, params, gmacs } of FAMILIES) {
    const side = settings.img_size as number;
    const sized = {
      ...(settings.model_kwargs as object),
      ...(model === "vit_tiny_patch16_224" ? { img_size: side } : {}),
    };
    const spec = withModelArgs(models[model] as never, sized);
    const built = createModel(spec, { numClasses: 10 });
    const found = summarize(built, [side, side, 3]);
    expect([title, found.params]).toEqual([title, params]);
    expect(found.gmacs).toBeCloseTo(gmacs, 4);
    built.dispose();
  }
});

test("the table has a row a network and kind of run, with margins and, of several seeds, their range", () => {
  const rows = table(given(invented));
  expect(rows).toHaveLength(2 + 3 * 2 + 1);
  expect(rows[2]).toBe("| ResNet-20 | 0.27 M | 41 | nothing | 55.0 ± 1.5 | 65.0 ± 1.5 | 75.0 ± 1.3 |");
  expect(table(given(invented, 2))[2]).toContain("| 55.5 ± 1.1 (55.0–56.0) |");
  expect(table(given(invented).slice(0, 4))).toHaveLength(3);
  expect(cellOf([], "vit", "scratch", 1)).toBeUndefined();
});

test("what it says of the advice follows from the figures, and from their margins", () => {
  const said = (top1: (run: Run) => number) => verdict(given(top1)).join("\n");
  expect(said(invented)).toContain(
    "From scratch on 1 % (200 pictures) the ResNet is ahead of the ViT by 5.0 points (ResNet 55.0 against 50.0): the advice holds.",
  );
  expect(said(invented)).toContain("these runs cannot show where that turns");
  expect(said((run) => (run.family === "vit" ? 0.9 : 0.7))).toContain(
    "(20,000 pictures) the ViT is ahead of the ResNet by 20.0 points (ResNet 70.0 against 90.0): the advice holds.",
  );
  expect(said(() => 0.7)).toContain(
    "ResNet and ViT cannot be told apart (70.0 against 70.0): the advice does not show.",
  );
  expect(said(invented)).toContain("ResNet-20 +10.0, ViT +10.0, hybrid +10.0");
  expect(verdict([])).toEqual([]);
});

test("the page and its picture are whole with all results, with some and with none", () => {
  const all = given(invented);
  for (const results of [all, all.slice(0, 5), []]) {
    expect(page(results)).toContain("npm run trainer -- study");
    const svg = plot(results);
    expect(svg.startsWith("<svg ")).toBe(true);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  }
  expect(plot(all).match(/<circle /g)).toHaveLength(FRACTIONS.length * 7);
});

test("a list of processors is read as the kernel writes it", () => {
  expect(processors("0-2,5")).toEqual([0, 1, 2, 5]);
  expect(processors("3")).toEqual([3]);
});
