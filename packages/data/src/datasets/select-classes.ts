import { DatasetError, quote, some } from "./errors.ts";
import { classList } from "./names.ts";
import { makeSplit } from "./split.ts";
import type { Dataset, Split } from "./types.ts";

/** Settings of {@link selectClasses}. */
export interface SelectClassesOptions {
  /**
   * What labels become indices into: a model's classes, for one that knows more than those that are kept. Default: those that are kept, in
   * the order given.
   */
  readonly classes?: readonly string[] | undefined;
}

/**
 * The pictures of some classes of a dataset: its other pictures are passed over, in every split. The dataset itself stays as it is;
 * disposing of either disposes of both.
 *
 * @param names of classes to keep
 * @throws DatasetError "unknown-class" for a name that the dataset, or the list of classes, does not have
 */
export function selectClasses(
  dataset: Dataset,
  names: readonly string[],
  { classes = names }: SelectClassesOptions = {},
): Dataset {
  const own = classList(dataset.classes);
  const target = classList(classes);
  classList(names); // one that is named twice is somebody's mistake
  const labelOf = new Map<number, number>();
  for (const name of names) {
    const [label, wanted] = [own.indexOf(name), target.indexOf(name)];
    if (label === undefined || wanted === undefined) {
      const [where, there] = label === undefined ? [dataset.root, own.names] : ["the classes asked for", target.names];
      throw new DatasetError("unknown-class", `${where}: expected a class ${quote(name)}, found ${some(there, 20)}`, {
        file: dataset.root,
      });
    }
    labelOf.set(label, wanted);
  }
  const splits = [...dataset.splits].map(([name, split]) => [name, ofClasses(split, labelOf)] as const);
  return { ...dataset, classes: target.names, splits: new Map(splits) };
}

function ofClasses(split: Split, labelOf: ReadonlyMap<number, number>): Split {
  const all = Uint32Array.from({ length: split.length }, (_, index) => index);
  const kept = all.filter((index) => labelOf.has(split.label(index)));
  return makeSplit({
    name: split.name,
    labels: Int32Array.from(kept, (index) => labelOf.get(split.label(index)) as number),
    nameOf: (index) => split.nameOf(kept[index] as number),
    source: (index) => split.source(kept[index] as number),
  });
}
