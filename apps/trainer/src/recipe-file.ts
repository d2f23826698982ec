/** Recipes as files: where they are, and what their runs wrote into them. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { parse, stringify } from "yaml";
import { app, root } from "./places.ts";

/** What came of a run, as its recipe keeps it. */
export interface Obtained {
  /** A share, of which pictures. */
  readonly score: number;
  readonly of: string;
  /** The share of the pictures that chose the epoch, where those are others. */
  readonly validation?: number;
  /** Which epoch's weights, of how many: "27 of 30". */
  readonly epochs: string;
  readonly time: string;
  readonly seed: number;
  readonly commit: string;
  readonly engine: string;
  readonly cores: number;
  /** What was said otherwise than the recipe says. */
  readonly options?: string;
}

/** A recipe's page: what it says for people, and the settings. */
export interface Page {
  readonly title?: string;
  readonly paper?: string;
  readonly data?: string;
  readonly obtained?: readonly Obtained[];
}

/** A recipe's file. */
export interface RecipeFile {
  /** As in `recipes/NAME.yaml`. */
  readonly name: string;
  readonly file: string;
  readonly page: Page;
}

/** Names of the recipes that are there. */
export function recipeNames(): string[] {
  const files = readdirSync(join(app, "recipes")).filter((file) => file.endsWith(".yaml"));
  return files.map((file) => basename(file, ".yaml")).sort();
}

/** The recipe of a name, or of a file. */
export function openRecipe(name: string | undefined): RecipeFile {
  const places = name === undefined ? [] : [name, join(app, "recipes", `${name}.yaml`), join(app, "recipes", name)];
  const file = places.find((path) => existsSync(path) && statSync(path).isFile());
  if (file === undefined) {
    throw new Error(`expected a recipe (a file, or ${recipeNames().join(", ")}), found ${name ?? "none"}`);
  }
  return { name: basename(file, ".yaml"), file, page: (parse(readFileSync(file, "utf8")) ?? {}) as Page };
}

/** Where a recipe's pictures are: its own place is as seen from the repository, one in an option from where the command is given. */
export function dataOf({ data }: Page, option: string | undefined): string | undefined {
  return option ?? (data === undefined ? undefined : resolve(root, data));
}

/** Where a recipe's run is. */
export function runOf({ name }: RecipeFile, option: string | undefined): string {
  return option ?? join("runs", name);
}

/** The text of a recipe with one more entry of `obtained`, its last key; everything else stays as people wrote it. */
export function withEntry(text: string, entry: Obtained, where: string): string {
  const keys = Object.keys((parse(text) ?? {}) as object);
  const added = stringify([entry]).replace(/^(?=.)/gm, "  ");
  if (!keys.includes("obtained")) return `${text.trimEnd()}\n\nobtained:\n${added}`;
  if (keys.at(-1) === "obtained") return `${text.trimEnd()}\n${added}`;
  throw new Error(`${where}: "obtained" must be its last key, found ${keys.at(-1)} after it`);
}

/** A share as recipes keep it. */
export const share = (value: number): number => Number(value.toFixed(4));
