import { DatasetError, quote, some } from "./errors.ts";
import { type ClassList, classList, compareNames } from "./names.ts";

/** The classes of a dataset, and each split's labels as indices into them. */
export interface Labelled {
  readonly classes: readonly string[];
  readonly labels: ReadonlyMap<string, Int32Array>;
}

/** Where a label stands, for messages: of sample `i` of a split. */
export type Place = (split: string, i: number) => string;

/**
 * Labels that are names. The classes are those of the training split, sorted as torchvision sorts; of all splits where there is none.
 *
 * @param names each split's label of each sample
 * @param given the classes to use instead
 * @throws DatasetError ("unknown-class") for a class that only another split has, or that is not among those given
 */
export function labelByName(
  names: ReadonlyMap<string, readonly string[]>,
  given: readonly string[] | undefined,
  place: Place,
): Labelled {
  const train = names.get("train");
  if (train?.length === 0) throw new DatasetError("no-images", "the training split has no picture");
  const classes = given
    ? classList(given)
    : classList([...new Set(train ?? [...names.values()].flat())].sort(compareNames));
  const labels = new Map<string, Int32Array>();
  for (const [split, list] of names) {
    if (split !== "train") classList([...new Set(list)]); // two spellings of one name within a split are an error as well
    const out = new Int32Array(list.length);
    const known = new Map<string, number | undefined>();
    for (const [i, name] of list.entries()) {
      if (!known.has(name)) known.set(name, classes.indexOf(name));
      const label = known.get(name);
      if (label === undefined) throw unknown(name, split, place(split, i), classes, given !== undefined);
      out[i] = label;
    }
    labels.set(split, out);
  }
  return { classes: classes.names, labels };
}

function unknown(name: string, split: string, where: string, { names }: ClassList, given: boolean): DatasetError {
  const message = given
    ? `${where} is of class ${quote(name)}, which is not among the ${names.length} classes asked for (${some(names)})`
    : `${where} is of class ${quote(name)}, which only ${split} has: train has ${some(names)}; add it to train or take it out of ${split}`;
  return new DatasetError("unknown-class", message);
}

/**
 * Labels that are numbers, which stay as they are. Names that the dataset does not state are the numbers.
 *
 * @param own the names that the dataset states; undefined for none
 * @param given the classes to use instead: matched by name, or taken as they are where the dataset states no names
 * @throws DatasetError ("label-out-of-range", "unknown-class")
 */
export function labelByNumber(
  numbers: ReadonlyMap<string, ArrayLike<number>>,
  own: readonly string[] | undefined,
  given: readonly string[] | undefined,
  place: Place,
): Labelled {
  const train = numbers.get("train");
  const counted = [...(train ? [train] : numbers.values())];
  const names = own ?? given ?? digits(counted);
  const list = classList(names);
  const target = own && given ? classList(given) : undefined;
  const map = names.map((name) => (target ? target.indexOf(name) : list.indexOf(name)));
  const labels = new Map<string, Int32Array>();
  for (const [split, values] of numbers) {
    const out = new Int32Array(values.length);
    for (let i = 0; i < out.length; i++) {
      const value = values[i] as number;
      if (!Number.isInteger(value) || value < 0 || value >= names.length)
        throw new DatasetError(
          "label-out-of-range",
          `${place(split, i)} has the label ${value}, expected 0 to ${names.length - 1}: there are ${names.length} classes`,
        );
      const label = map[value];
      if (label === undefined) throw unknown(names[value] as string, split, place(split, i), target as ClassList, true);
      out[i] = label;
    }
    labels.set(split, out);
  }
  return { classes: target ? target.names : names, labels };
}

/** More classes than any dataset has: a label beyond is damage, and no list is made for it. */
const MOST_CLASSES = 1_000_000;

function digits(splits: readonly ArrayLike<number>[]): string[] {
  let most = -1;
  for (const values of splits) for (let i = 0; i < values.length; i++) most = Math.max(most, values[i] as number);
  return Array.from({ length: Math.min(most + 1, MOST_CLASSES) }, (_, i) => String(i));
}
