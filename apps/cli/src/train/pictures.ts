/** The data of a run: what is learned from, what it is judged by, and what was left out. */
import { createHash } from "node:crypto";
import {
  assertTrainable,
  type Copies,
  type Dataset,
  findCopies,
  fraction,
  limit,
  openDataset,
  type Split,
  selectClasses,
  splitOff,
} from "@vitrail/data";
import { UserError } from "../user-error.ts";
import { type BrokenOptions, withoutBroken } from "./broken.ts";

/** What was asked for. */
export interface PicturesOptions extends BrokenOptions {
  readonly data: string;
  /** Another folder, or a share of the training pictures. Default: the data's own validation split, else a fifth. */
  readonly val?: string | undefined;
  /** Only pictures of these classes, which are numbered in this order. */
  readonly classes?: readonly string[] | undefined;
  /** Of every class so much of what is left to train on. */
  readonly trainFraction?: number | undefined;
  readonly limit?: number | undefined;
  readonly seed: number;
}

/** Opened, checked, split. */
export interface Pictures {
  readonly classes: readonly string[];
  readonly train: Split;
  readonly val: Split;
  /** What cannot be decoded, by name: of training and of validation. */
  readonly bad: readonly (readonly string[])[];
  /** Plain data that differs where the pictures do: what a run must go on with. */
  readonly identity: Readonly<Record<string, unknown>>;
  dispose(): Promise<void>;
}

const OWN_FRACTION = 0.2;

/** Opens the data, takes what is broken out of it, and says in lines what was decided. */
export async function openPictures(options: PicturesOptions): Promise<Pictures> {
  const { data, val, classes, seed, onNote } = options;
  const share = val === undefined ? undefined : shareOf(val);
  const opened: Dataset[] = [await openDataset(data)];
  try {
    const dataset = only(opened[0] as Dataset, classes);
    let train = splitNamed(dataset, ["train", "all"], data);
    let judged: Split;
    if (val !== undefined && share === undefined) {
      const other = await openDataset(val, classes === undefined ? { classes: dataset.classes } : {});
      opened.push(other);
      judged = splitNamed(only(other, classes), ["val", "test", "all"], val);
    } else {
      const own = share === undefined ? (dataset.splits.get("val") ?? dataset.splits.get("test")) : undefined;
      if (own) judged = own;
      else ({ train, val: judged } = splitOff(train, share ?? OWN_FRACTION, seed));
      if (own) onNote(`validation: the data's own ${own.name} split, ${count(own.length)}`);
      else if (judged.length > 0) {
        onNote(
          `validation: ${judged.length} of the training pictures (${percent(share ?? OWN_FRACTION)}), which are not trained on`,
        );
      }
    }
    sayPassedOver(dataset, onNote);
    if (options.trainFraction !== undefined) {
      const all = train.length;
      train = fraction(train, options.trainFraction, seed);
      onNote(`training on ${train.length} of ${all} pictures (train_fraction ${options.trainFraction})`);
    }
    if (options.limit !== undefined) {
      train = limit(train, options.limit, seed);
      judged = limit(judged, options.limit, seed);
    }
    const checked = await withoutBroken([train, judged], options);
    [train, judged] = checked.splits as [Split, Split];
    assertTrainable(train, dataset);
    if (judged.length === 0) {
      throw new UserError(`${val ?? data}: no picture is left to judge by; give a folder or a larger share with --val`);
    }
    if (options.knownBad === undefined) await sayCopies(train, judged, dataset.classes, onNote);
    return {
      classes: dataset.classes,
      train,
      val: judged,
      bad: checked.bad,
      identity: {
        format: dataset.format,
        classes: dataset.classes,
        train: identityOf(train),
        val: identityOf(judged),
      },
      dispose: async () => void (await Promise.all(opened.map((one) => one.dispose()))),
    };
  } catch (error) {
    await Promise.all(opened.map((one) => one.dispose()));
    throw error;
  }
}

const MOST = 5; // lines of a kind that anybody reads
const HASHED = 20_000; // pictures that are read once more to find some in both splits

/** With `classes`, the pictures of these alone. */
const only = (dataset: Dataset, classes: readonly string[] | undefined): Dataset =>
  classes === undefined ? dataset : selectClasses(dataset, classes);

/** "0.1", as a share of the training pictures; anything else is a folder. */
function shareOf(val: string): number | undefined {
  if (!/^(0?\.\d+|[01](\.\d+)?)$/.test(val)) return undefined;
  const share = Number(val);
  if (share > 0 && share < 1) return share;
  throw new UserError(`--val ${val}: expected a folder, or a share of the training pictures above 0 and below 1`);
}

/** Files and folders that are no pictures of a class. */
export function sayPassedOver({ skipped }: Dataset, onNote: (line: string) => void): void {
  for (const { name, reason } of skipped.slice(0, MOST)) onNote(`passed over: ${name}: ${reason}`);
  if (skipped.length > MOST) onNote(`… and ${skipped.length - MOST} more, passed over`);
}

/** The first of these splits that the data has. */
export function splitNamed({ splits }: Dataset, names: readonly string[], where: string): Split {
  for (const name of names) {
    const found = splits.get(name);
    if (found) return found;
  }
  throw new UserError(`${where}: expected a split named ${names.join(" or ")}, found ${[...splits.keys()].join(", ")}`);
}

/** Says which pictures are there more than once: judged by what was learned by heart, a model looks too good. */
async function sayCopies(train: Split, val: Split, classes: readonly string[], onNote: (line: string) => void) {
  if (train.length + val.length > HASHED) return;
  const splits = [train, val];
  const of = ({ split, index }: Place) => {
    const { nameOf, label } = splits[split] as Split;
    return { split, name: nameOf(index), label: label(index) };
  };
  const copies = (await findCopies(splits)).map(({ places }) => places.map(of));
  let [leaked, again] = [0, 0];
  let [leak, copy, conflict] = ["", "", ""];
  for (const places of copies) {
    const [first, second] = places as [ReturnType<typeof of>, ReturnType<typeof of>];
    const judged = places.filter(({ split }) => split === 1);
    if (first.split === 0 && judged.length > 0) {
      leaked += judged.length;
      leak ||= `${judged[0]?.name} is ${first.name}`;
    }
    const trained = places.length - judged.length;
    if (trained > 1) {
      again += trained - 1;
      copy ||= `${second.name} is ${first.name}`;
    }
    const other = places.find(({ label }) => label !== first.label);
    if (other)
      conflict ||= `${first.name} is of class ${classes[first.label]}, ${other.name} of ${classes[other.label]}`;
  }
  if (leaked > 0) {
    onNote(
      `${leaked} of ${val.length} validation pictures are training pictures, too (${leak}): the score will be too good`,
    );
  }
  if (again > 0) onNote(`${again} of ${train.length} training pictures are there before, byte for byte (${copy})`);
  if (conflict) onNote(`the same picture is under two classes (${conflict}): one of them is wrong`);
}

type Place = Copies["places"][number];

/** Count and a digest of names and labels in order. */
function identityOf(split: Split): { readonly images: number; readonly digest: string } {
  const hash = createHash("sha256");
  for (let i = 0; i < split.length; i++) hash.update(`${split.nameOf(i)}\n${split.label(i)}\n`);
  return { images: split.length, digest: hash.digest("hex").slice(0, 32) };
}

export const count = (n: number) => `${n} picture${n === 1 ? "" : "s"}`;
const percent = (share: number) => `${Number((100 * share).toPrecision(3))} %`;
