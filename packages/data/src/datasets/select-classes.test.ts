import { expect, test } from "vitest";
import { selectClasses } from "./select-classes.ts";
import { open, png, tree } from "./testing.ts";
import type { Dataset } from "./types.ts";

const three = (): Promise<Dataset> => {
  const paths = ["train/cat/1", "train/cup/1", "train/cup/2", "train/dog/1", "test/dog/1", "test/cat/1"];
  return open(tree(Object.fromEntries(paths.map((path, i) => [`${path}.png`, png(i)]))));
};

const labelled = ({ splits }: Dataset) =>
  Object.fromEntries(
    [...splits].map(([name, split]) => [
      name,
      Array.from({ length: split.length }, (_, i) => `${split.nameOf(i)} ${split.label(i)}`),
    ]),
  );

test("keeps the pictures of some classes, in every split, labelled in the order given", async () => {
  const dataset = await three();
  const some = selectClasses(dataset, ["dog", "cup"]);
  expect(some.classes).toEqual(["dog", "cup"]);
  expect(labelled(some)).toEqual({
    train: ["train/cup/1.png 1", "train/cup/2.png 1", "train/dog/1.png 0"],
    test: ["test/dog/1.png 0"],
  });
  expect(await some.splits.get("train")?.source(2)).toEqual(await dataset.splits.get("train")?.source(3));
  expect(dataset.classes).toEqual(["cat", "cup", "dog"]);
});

test("labels them as a model does that knows more classes", async () => {
  const dataset = await three();
  const some = selectClasses(dataset, ["dog"], { classes: ["ant", "bee", "dog"] });
  expect(some.classes).toEqual(["ant", "bee", "dog"]);
  expect(labelled(some)).toEqual({ train: ["train/dog/1.png 2"], test: ["test/dog/1.png 2"] });
});

test("names a class that is not there, and what there is", async () => {
  const dataset = await three();
  expect(() => selectClasses(dataset, ["dog", "cow"])).toThrow(/expected a class "cow", found "cat", "cup", "dog"/);
  expect(() => selectClasses(dataset, ["dog"], { classes: ["ant"] })).toThrow(
    /the classes asked for: expected a class "dog"/,
  );
  expect(() => selectClasses(dataset, ["dog", "dog"])).toThrow('the class "dog" is listed twice');
});
