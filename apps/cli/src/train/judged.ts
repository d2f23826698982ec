/** Pictures that a trained model is judged by. */
import { type Dataset, limit, openDataset, type Split, selectClasses } from "@vitrail/data";
import { didYouMean } from "../suggest.ts";
import { UserError } from "../user-error.ts";
import { type BrokenOptions, withoutBroken } from "./broken.ts";
import { sayPassedOver } from "./pictures.ts";

/** What was asked for. */
export interface JudgedOptions extends BrokenOptions {
  readonly data: string;
  /** Default: val, else test, else all, else train. */
  readonly split?: string | undefined;
  /** Only pictures of these classes. */
  readonly keep?: readonly string[] | undefined;
  readonly limit?: number | undefined;
  readonly seed: number;
  /** The model's, where its weights say them: labels become indices into these. */
  readonly labels: readonly string[] | undefined;
  /** As many classes as the model answers. */
  readonly numClasses: number;
}

export interface Judged {
  readonly dataset: Dataset;
  readonly split: Split;
  /** In the order of the logits. */
  readonly classes: readonly string[];
}

const BY_DEFAULT = ["val", "test", "all", "train"];

/** Opens the data with the model's classes. With `onBad` "fail" all of it is looked at first. */
export async function openJudged(options: JudgedOptions): Promise<Judged> {
  const { data, labels, keep, numClasses, seed, onNote } = options;
  const whole = await openDataset(data, keep ? {} : { classes: labels });
  try {
    const dataset = keep ? selectClasses(whole, keep, { classes: labels }) : whole;
    const classes = labels ?? dataset.classes;
    if (classes.length !== numClasses) {
      throw new UserError(
        `${data} has ${dataset.classes.length} classes, the model answers ${numClasses}, and its weights do not say which: ` +
          "give weights whose config.json has label_names",
      );
    }
    if (!labels) onNote("the weights do not name their classes: the data's are taken, in their order");
    sayPassedOver(dataset, onNote);
    let split = splitOf(dataset, options);
    if (options.limit !== undefined) split = limit(split, options.limit, seed);
    if (options.onBad === "fail") await withoutBroken([split], options);
    return { dataset, split, classes };
  } catch (error) {
    await whole.dispose();
    throw error;
  }
}

function splitOf({ splits }: Dataset, { data, split, onNote }: JudgedOptions): Split {
  const names = [...splits.keys()];
  const name = split ?? BY_DEFAULT.find((one) => splits.has(one));
  const found = name === undefined ? undefined : splits.get(name);
  if (!found) {
    const offer = split === undefined ? "" : didYouMean(split, names);
    throw new UserError(`--split ${split}: ${data} has ${names.join(", ")}.${offer}`);
  }
  if (found.length === 0) throw new UserError(`${data}: the split ${name} has no pictures`);
  if (split === undefined) {
    const others = names.filter((one) => one !== name);
    onNote(`judged by the split ${name}${others.length > 0 ? ` (there is ${others.join(", ")}, too: --split)` : ""}`);
  }
  return found;
}
