/** From a finished run to a package of weights whose card is true. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { encodeSafetensors, readCheckpoint } from "@vitrail/checkpoint";
import { RUN_FILES } from "@vitrail/train";
import { startEngine } from "../../../cli/src/engine-choice.ts";
import { writeLog } from "../keep.ts";
import { resultsOf, root } from "../places.ts";
import { dataOf, openRecipe, runOf } from "../recipe-file.ts";
import { cardOf, type PackagedConfig } from "./card.ts";
import type { DataSet } from "./data-sets.ts";
import { measure } from "./measure.ts";
import { type Report, runReport } from "./report.ts";
import { openHeldOut, openSource, type Source } from "./source.ts";
import { targetOf } from "./target.ts";

/**
 * `npm run trainer -- ship RECIPE FOLDER [--run DIR] [--data DIR] [--shared DIR] [--results DIR]`: the weights of the recipe's run go
 * into FOLDER, a weights package or a folder in one; its log, curves and report beside the recipe.
 */
export async function ship(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      run: { type: "string" },
      data: { type: "string" },
      shared: { type: "string", default: join(root, "../shared") },
      results: { type: "string" },
    },
  });
  const [name, into] = positionals;
  if (into === undefined)
    throw new Error("expected: ship RECIPE FOLDER, e.g. ship resnet20-cifar10 packages/weights-cifar10");
  const recipe = openRecipe(name);
  const target = targetOf(into);
  const source = openSource(recipe, runOf(recipe, values.run));
  const data = dataOf(recipe.page, values.data) ?? target.set.folder;
  const heldOut = await openHeldOut(source.run, data);
  const work = mkdtempSync(join(tmpdir(), "vitrail-ship-"));
  try {
    await startEngine({});
    const weights = join(source.run.folder, RUN_FILES.model);
    const model = readCheckpoint(readFileSync(weights), { name: weights });
    const half = encodeSafetensors(model.tensors, { dtype: "F16", metadata: { format: "pt" } });
    const bare = configOf(source, target.set, model.tensors);
    writeFileSync(join(work, "model.safetensors"), half);
    writeFileSync(join(work, "config.json"), json(bare));
    const say = (line: string) => console.error(line);
    const { measured, test, titles } = await measure(
      work,
      { set: target.set, data, heldOut, shared: values.shared },
      say,
    );
    const { chosen, scores } = measured.open_set;
    const open_set = { score: chosen, threshold: scores[chosen].threshold, temperature: 1 };
    const report: Report = { data: target.set.name, measured, run: runReport(source, heldOut.trained) };
    const config = bare as unknown as PackagedConfig;
    writeFileSync(join(work, "config.json"), json({ ...bare, vitrail: { open_set } }));
    writeFileSync(
      join(work, "MODEL_CARD.md"),
      cardOf({ set: target.set, report, test, config, weights: target.id, titles }),
    );
    const results = values.results ?? resultsOf(recipe.name);
    writeLog(source.run, results);
    writeFileSync(join(results, "report.json"), json(report));
    mkdirSync(target.folder, { recursive: true });
    cpSync(work, target.folder, { recursive: true });
    console.log(
      `${into}: ${target.id}, ${(100 * measured.test.top1).toFixed(2)} % of ${measured.test.images} test pictures, ${half.length} bytes; the report is in ${results}`,
    );
    return 0;
  } finally {
    await heldOut.dispose();
    rmSync(work, { recursive: true });
  }
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** The run's config.json under the tag of its data set. */
function configOf(
  { config }: Source,
  { name }: DataSet,
  tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>,
): Record<string, unknown> {
  const { pretrained_cfg, ...rest } = config as { pretrained_cfg: Record<string, unknown> };
  const { tag: _, classifier, ...preprocess } = pretrained_cfg;
  const stems = ["conv1", "patch_embed.proj", "patch_embed.backbone.conv1"];
  const first = stems.find((stem) => tensors.get(`${stem}.weight`)?.shape[1] === 3);
  return {
    ...rest,
    pretrained_cfg: {
      tag: `vitrail_${name.replaceAll("-", "_")}`,
      ...preprocess,
      ...(first ? { first_conv: first } : {}),
      classifier,
      license: "apache-2.0",
    },
  };
}
