import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { pickRecipe } from "../src/train/defaults.ts";
import { readRecipe } from "../src/train/recipe.ts";

const folder = fileURLToPath(new URL("../../trainer/recipes", import.meta.url));
const names = readdirSync(folder);

describe("the recipes of apps/trainer", () => {
  test.each(names)("%s reads like a lab book, and every setting is one of vitrail train", (name) => {
    const path = join(folder, name);
    const recipe = readRecipe(path);
    const page = parse(readFileSync(path, "utf8"));
    expect(page).toMatchObject({
      title: expect.any(String),
      paper: expect.stringContaining("https://"),
      command: `npm run trainer -- ${name.replace(".yaml", "")}`,
      data: expect.any(String),
    });
    for (const entry of page.obtained ?? []) {
      expect(entry).toMatchObject({ score: expect.any(Number), seed: expect.any(Number), commit: expect.any(String) });
    }
    expect(recipe).toMatchObject({ model: expect.any(String), lr: expect.any(Number), epochs: expect.any(Number) });
  });

  test.each(names)("%s leaves nothing to what would be picked", (name) => {
    const recipe = readRecipe(join(folder, name));
    const family = recipe.model?.startsWith("vit") ? "transformer" : "cifar";
    const situation = { family, pretrained: recipe.weights !== "none", imgSize: recipe.img_size as number } as const;
    for (const images of [100, 100_000]) {
      const { recipe: picked } = pickRecipe({ ...situation, images, exact: true }, recipe.mode);
      expect(Object.keys(picked).filter((key) => !Object.hasOwn(recipe, key))).toEqual([]);
    }
  });
});
