/** What a run's folder says of where and with what it was begun, and what is kept of that for the next time. */
import { existsSync, readFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { join, resolve } from "node:path";
import { RUN_FILES } from "@vitrail/train";
import { parse } from "yaml";
import type { EngineChoice } from "../engine-choice.ts";
import { UserError } from "../user-error.ts";
import { checkRecipe, type Recipe } from "./recipe.ts";

/** Settings that say where something lies. */
const PLACES = ["weights", "backbone_weights", "kd_weights"] as const;
export type Places = Pick<Recipe, (typeof PLACES)[number]>;

/** Of settings those of these names that are given. */
export const only = (settings: Places, names: readonly (typeof PLACES)[number][]): Places =>
  Object.fromEntries(names.flatMap((name) => (settings[name] === undefined ? [] : [[name, settings[name]]])));

/** A run that was begun. */
export interface Earlier {
  readonly folder: string;
  readonly recipe: Recipe;
  readonly data: string | undefined;
  readonly val: string | undefined;
  readonly bad: readonly (readonly string[])[] | undefined;
  /** The engine that was asked for. */
  readonly choice: EngineChoice;
  /** Where what it began from lay. */
  readonly places: Places;
}

/** What a run's folder says of it; undefined where nothing was begun there. */
export function earlierRun(folder: string | undefined): Earlier | undefined {
  if (folder === undefined) throw new UserError("--resume goes on with a run: say which with --out runs/NAME");
  const path = join(folder, RUN_FILES.args);
  if (!existsSync(path)) return undefined;
  try {
    const { recipe, pictures } = parse(readFileSync(path, "utf8")) as {
      recipe: Record<string, unknown>;
      pictures: { left_out?: { train: string[]; val: string[] } };
    };
    const places = JSON.parse(readFileSync(join(folder, RUN_FILES.environment), "utf8")) as ({
      data?: string;
      val?: string;
    } & EngineChoice &
      Places)[];
    const { data, val, engine, provider, backend, ...others } = places.at(-1) ?? {};
    const choice = {
      ...(engine ? { engine } : {}),
      ...(provider ? { provider } : {}),
      ...(backend ? { backend } : {}),
    };
    return {
      folder,
      recipe: checkRecipe(recipe, path),
      data,
      val,
      bad: pictures.left_out && [pictures.left_out.train, pictures.left_out.val],
      choice,
      places: only(others, PLACES),
    };
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${path} cannot be read (${(error as Error).message.split("\n")[0]}): is ${folder} a run?`);
  }
}

/** Of the settings that say where something lies, those that are as the run was begun: its environment knows the place. */
export function stillAt({ places, recipe }: Earlier, asked: Recipe): (keyof Places)[] {
  return PLACES.filter((name) => places[name] !== undefined && asked[name] === recipe[name]);
}

/** What the bits of a result depend on besides its settings, and the places that these are of. */
export function environmentOf(
  { engine = "auto", provider, backend }: EngineChoice,
  places: Readonly<Record<string, string | undefined>>,
) {
  const found = Object.entries(places).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    ...Object.fromEntries(found.map(([name, path]) => [name, existsSync(path) ? resolve(path) : path])),
    engine,
    ...(provider === undefined ? {} : { provider }),
    ...(backend === undefined ? {} : { backend }),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
  };
}
