/** A finished run, and the very pictures that it held out. */
import { existsSync, readFileSync } from "node:fs";
import { basename, isAbsolute, join } from "node:path";
import type { Split } from "@vitrail/data";
import { RUN_FILES } from "@vitrail/train";
import { openPictures } from "../../../cli/src/train/pictures.ts";
import { type Obtained, type RecipeFile, share } from "../recipe-file.ts";
import { type Args, type Run, readRun } from "../run-folder.ts";

export interface Source {
  readonly recipe: RecipeFile;
  readonly run: Run;
  /** What the run wrote into its recipe. */
  readonly obtained: Obtained;
  /** The run's config.json. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The resolved settings, without places of this machine. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** What the runs that it learned from had trained, and from what, by the setting that names them. */
  readonly models: Readonly<Record<string, string>>;
}

/** Opens a run that has come to its end and is told of in its recipe. */
export function openSource(recipe: RecipeFile, folder: string): Source {
  const run = readRun(folder);
  const { validation, args } = run;
  if (!validation) throw new Error(`${folder}: the run has not ended; go on with it (--resume)`);
  const entries = recipe.page.obtained ?? [];
  const obtained = entries.findLast((one) => {
    return one.seed === args.recipe.seed && (one.validation ?? one.score) === share(validation.top1);
  });
  if (!obtained) {
    throw new Error(
      `${recipe.file}: no entry of "obtained" is of the run in ${folder} (seed ${args.recipe.seed}, validation ${share(validation.top1)}); ` +
        `found ${entries.length === 0 ? "none" : entries.map((one) => `${one.validation ?? one.score} with seed ${one.seed}`).join(", ")}`,
    );
  }
  return {
    recipe,
    run,
    obtained,
    config: JSON.parse(readFileSync(join(folder, RUN_FILES.config), "utf8")) as Source["config"],
    settings: portable(args.recipe, recipe.page as Readonly<Record<string, unknown>>),
    models: modelsOf(run.places),
  };
}

function modelsOf(places: Run["places"]): Source["models"] {
  const entries = ["weights", "backbone_weights", "kd_weights"].flatMap((name) => {
    const folder = places[name];
    const isRun = typeof folder === "string" && existsSync(join(folder, RUN_FILES.args));
    if (!isRun) return [];
    const { model, weights } = readRun(folder).args.recipe;
    const from = typeof weights === "string" && weights !== "none" ? ` from ${basename(weights)}` : "";
    return [[name, `${model}${from}`] as const];
  });
  return Object.fromEntries(entries);
}

/** A path of this machine says nothing to others: there the recipe's own words count. */
function portable(settings: Args["recipe"], said: Readonly<Record<string, unknown>>): Source["settings"] {
  const here = (value: unknown) => typeof value === "string" && isAbsolute(value);
  const entries = Object.entries(settings).map(([name, value]) => [name, here(value) ? said[name] : value] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/** The pictures that a run held out of training. */
export interface HeldOut {
  readonly split: Split;
  readonly classes: readonly string[];
  /** How many it learned from. */
  readonly trained: number;
  dispose(): Promise<void>;
}

/**
 * Divides the data as the run did.
 * @throws where that does not give the pictures that the run had
 */
export async function openHeldOut({ folder, args }: Run, data: string): Promise<HeldOut> {
  const { recipe, pictures: had } = args;
  if (recipe.val_fraction === undefined) {
    throw new Error(`${folder}: expected a run that held out a share of its training pictures (val_fraction)`);
  }
  const found = await openPictures({
    data,
    val: String(recipe.val_fraction),
    limit: recipe.limit,
    classes: recipe.classes,
    trainFraction: recipe.train_fraction,
    seed: recipe.seed,
    onBad: "skip",
    knownBad: [had.left_out.train, had.left_out.val],
    onNote: () => {},
  });
  const same = (["train", "val"] as const).every((name) => {
    return JSON.stringify(found.identity[name]) === JSON.stringify(had[name]);
  });
  if (!same) {
    await found.dispose();
    const [a, b] = [JSON.stringify(had), JSON.stringify(found.identity)];
    throw new Error(`${data}: these are not the pictures of ${folder}; expected ${a}, found ${b}`);
  }
  return { split: found.val, classes: found.classes, trained: found.train.length, dispose: () => found.dispose() };
}
