import { DatasetError, quote, some } from "./errors.ts";
import { classCounts } from "./split.ts";
import type { Dataset, Split } from "./types.ts";

/**
 * Throws unless a classifier can be trained on a split: two pictures, two classes, and at least one picture of each.
 *
 * @throws DatasetError "no-images", "one-image", "one-class" or "empty-class"
 */
export function assertTrainable(split: Split, dataset: Pick<Dataset, "classes" | "root">): void {
  const { classes, root } = dataset;
  const where = `${root}: ${split.name === "all" ? "the dataset" : split.name}`;
  if (split.length === 0) throw new DatasetError("no-images", `${where} has no pictures`);
  if (classes.length < 2)
    throw new DatasetError(
      "one-class",
      `${where} has only one class, ${some(classes)}: a classifier needs at least two; put pictures of what it is not into another`,
    );
  if (split.length === 1)
    throw new DatasetError(
      "one-image",
      `${where} has only one picture, ${quote(split.nameOf(0))}: training needs at least two`,
    );
  const counts = classCounts(split, classes.length);
  const empty = classes.filter((_, label) => counts[label] === 0);
  if (empty.length === 0) return;
  const [code, hint] =
    classes.length - empty.length < 2
      ? (["one-class", "all of its pictures are of one class"] as const)
      : (["empty-class", "add some, or take the class off the list"] as const);
  throw new DatasetError(code, `${where} has no picture of ${some(empty)}: ${hint}`);
}
