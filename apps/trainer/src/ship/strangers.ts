/** Pictures of nothing that a model knows, to see whether it says so. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { openDataset, type Split } from "@vitrail/data";
import { splitNamed } from "../../../cli/src/train/pictures.ts";
import { type DataSet, dataSets } from "./data-sets.ts";

export interface Strangers {
  readonly name: string;
  /** For the card, after their number: "ImageNet photos of other things". */
  readonly title: string;
  readonly split: Split;
  dispose(): Promise<void>;
}

/**
 * The test pictures of the other data sets, ImageNet photos that show none of its classes, and ants and bees.
 * @param shared the folder of `data/imagenet-photos`, `data/ants-bees` and `labels/imagenet-1k.tsv`
 */
export async function strangersTo(set: DataSet, shared: string): Promise<Strangers[]> {
  const found: Strangers[] = [];
  for (const other of dataSets.filter(({ name }) => name !== set.name)) {
    const dataset = await openDataset(there(other.folder));
    found.push({
      name: other.name,
      title: `test images of ${other.title}`,
      split: unlabelled(splitNamed(dataset, ["test"], other.folder)),
      dispose: () => dataset.dispose(),
    });
  }
  const indexOf = classesByWordNet(there(join(shared, "labels/imagenet-1k.tsv")));
  const imagenet = picturesBelow(there(join(shared, "data/imagenet-photos")));
  const others = imagenet.filter((path) => !set.related.has(indexOf(path)));
  found.push(files("imagenet-photos", "ImageNet photos of other things", others));
  const insects = picturesBelow(there(join(shared, "data/ants-bees")));
  found.push(files("ants-bees", "photos of ants and bees", insects));
  return found;
}

function there(path: string): string {
  if (existsSync(path)) return path;
  throw new Error(`${path} is not there: the card says how its pictures are told apart from the model's own`);
}

/** The class of a photo by the WordNet id that its name begins with. */
function classesByWordNet(table: string): (path: string) => number {
  const rows = readFileSync(table, "utf8").split("\n");
  const index = new Map(rows.map((row) => row.split("\t")).map(([i, id]) => [id, Number(i)]));
  return (path) => {
    const found = index.get(basename(path).split("_")[0]);
    if (found === undefined) throw new Error(`${path}: expected a name that begins with a WordNet id of ${table}`);
    return found;
  };
}

function picturesBelow(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const pictures = names.filter((name) => /\.(jpe?g|png|gif)$/i.test(name));
  return pictures.sort((a, b) => (a < b ? -1 : 1)).map((name) => join(folder, name));
}

function files(name: string, title: string, paths: readonly string[]): Strangers {
  const split: Split = {
    name,
    length: paths.length,
    label: () => 0,
    nameOf: (i) => paths[i] as string,
    source: (i) => ({ kind: "file", path: paths[i] as string }),
  };
  return { name, title, split, async dispose() {} };
}

/** Its labels are of other classes, which nobody asks for. */
function unlabelled({ name, length, nameOf, source }: Split): Split {
  return { name, length, label: () => 0, nameOf, source };
}
