import { type DuplicateGroup, type Inspection, inspectDataset, openDataset } from "@vitrail/data";
import { colorsFor, print, table } from "../io.ts";
import { progress } from "../progress.ts";
import { plain } from "../user-error.ts";

/** The options of `vitrail inspect`. */
export interface InspectCommand {
  readonly data: string;
  readonly json?: boolean;
}

/** Lines of each list that are shown; --json has all. */
const MOST = 5;
/** Classes that are shown one by one. */
const CLASSES = 20;

const FORMATS: Readonly<Record<Inspection["format"], string>> = {
  folder: "class folders",
  manifest: "a list of files",
  webdataset: "tar shards",
  parquet: "Parquet",
  idx: "idx files",
  cifar: "CIFAR's binary files",
  npz: "an npz archive",
};

/** `vitrail inspect`: 0 once all of a dataset was looked at, whatever was found. */
export async function inspect({ data, json }: InspectCommand): Promise<number> {
  const dataset = await openDataset(data);
  try {
    const total = [...dataset.splits.values()].reduce((sum, { length }) => sum + length, 0);
    const bar = await progress(total);
    let drawn = 0;
    const report = await inspectDataset(dataset, {
      onProgress(done) {
        for (; drawn < done; drawn++) bar?.step();
      },
    }).finally(() => bar?.stop());
    if (json) print(JSON.stringify(report, null, 2));
    else show(report);
  } finally {
    await dataset.dispose();
  }
  return 0;
}

function show(report: Inspection): void {
  const { bold, dim, red, yellow, green } = colorsFor(process.stdout);
  const total = report.splits.reduce((sum, { samples }) => sum + samples, 0);
  print(bold(plain(report.root)));
  print(
    `${FORMATS[report.format]}, ${counted(total, "picture")}, ${counted(report.classes.length, "class", "classes")}`,
  );
  print("");
  classesOf(report).forEach((line, i, all) => {
    print(`  ${i === 0 ? dim(line) : i === all.length - 1 && report.classes.length > 1 ? bold(line) : line}`);
  });
  print("");
  for (const line of table(factsOf(report))) print(`  ${line}`);

  const list = <T>(
    title: string,
    items: readonly T[],
    lines: (item: T) => readonly string[],
    colour = yellow,
  ): void => {
    if (items.length === 0) return;
    print("");
    print(colour(title));
    for (const item of items.slice(0, MOST)) for (const line of lines(item)) print(`  ${line}`);
    if (items.length > MOST) print(dim(`  … and ${number(items.length - MOST)} more; --json lists all`));
  };
  const { bad, duplicates, conflicts, leaks, skipped } = report;
  list(
    `${counted(bad.length, "picture")} cannot be read`,
    bad,
    ({ name, reason }) => [`${plain(name)}: ${plain(reason)}`],
    red,
  );
  list(`${counted(leaks.length, "picture")} of train also in another split`, leaks, membersOf, red);
  list(`${counted(conflicts.length, "picture")} under more than one class`, conflicts, membersOf, red);
  // what leaks or conflicts is shown already
  const shown = new Set([...leaks, ...conflicts]);
  for (const kind of ["exact", "near"] as const) {
    const groups = duplicates.filter((group) => group.kind === kind && !shown.has(group));
    const what = kind === "exact" ? "more than once, byte for byte" : "more than once, saved anew or nearly the same";
    list(`${counted(groups.length, "picture")} ${what}`, groups, membersOf);
  }
  list(`${counted(skipped.length, "file or folder", "files and folders")} passed over`, skipped, ({ name, reason }) => [
    `${plain(name)}: ${plain(reason)}`,
  ]);
  if (report.alike) {
    print("");
    print(dim("The pictures look so much alike that near copies are counted only where they hardly differ."));
  }
  if (bad.length + duplicates.length === 0) {
    print("");
    print(green("no broken pictures, no copies"));
  }
}

/** Pictures of each class in each split, with a sum. */
function classesOf({ splits, classes }: Inspection): string[] {
  const rows = classes.map((name, label) => [
    plain(name),
    ...splits.map(({ perClass }) => number(perClass[label] ?? 0)),
  ]);
  const cut = rows.length > CLASSES ? rows.slice(0, CLASSES - 1) : rows;
  const more = rows.length - cut.length;
  return table(
    [
      ["class", ...splits.map(({ name }) => name)],
      ...cut,
      ...(more > 0 ? [[`… ${more} more`, ...splits.map(() => "")]] : []),
      ...(rows.length > 1 ? [["", ...splits.map(({ samples }) => number(samples))]] : []),
    ],
    [false, ...splits.map(() => true)],
  );
}

function factsOf({ sizes, kinds, modes, imbalance }: Inspection): string[][] {
  const counts = (of: Readonly<Record<string, number>>): string =>
    Object.entries(of)
      .map(([name, count]) => `${name} ${number(count)}`)
      .join(", ");
  const facts: string[][] = [];
  if (sizes) {
    const { width, height } = sizes;
    const one = width.min === width.max && height.min === height.max;
    const median = `${width.median} × ${height.median}`;
    facts.push([
      "size",
      one ? median : `${median} in the middle; ${width.min} to ${width.max} wide, ${height.min} to ${height.max} high`,
    ]);
    facts.push(["kinds", counts(kinds)], ["colours", counts(modes)]);
  }
  const even =
    imbalance < 1.05 ? "even" : `the largest class has ${imbalance.toFixed(1)} times the smallest's pictures`;
  facts.push(["balance", even]);
  return facts;
}

/** A group in lines: the first member, below it the others, those of another split or class before the rest. */
function membersOf({ members, kind }: DuplicateGroup): string[] {
  const [first, ...others] = members;
  const other = ({ split, label }: (typeof members)[0]): boolean => split !== first?.split || label !== first.label;
  const sorted = [...members.slice(0, 1), ...others.filter(other), ...others.filter((member) => !other(member))];
  const lines = sorted.map(({ name, label }) => `${plain(name)} (${plain(label)})`);
  const cut = lines.length > MOST ? [...lines.slice(0, MOST - 1), `… ${lines.length - MOST + 1} more`] : lines;
  return cut.map((line, i) => (i === 0 ? line : `  ${kind === "exact" ? "=" : "≈"} ${line}`));
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${number(count)} ${count === 1 ? one : many}`;
}

function number(value: number): string {
  return value.toLocaleString("en-US");
}
