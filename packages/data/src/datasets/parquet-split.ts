import type { ParquetFile } from "./parquet-file.ts";
import type { Spill } from "./spill.ts";
import { makeSplit } from "./split.ts";
import type { Sample, SampleSource, Split } from "./types.ts";

/** A file of a split, its labels read. */
export interface ParquetSource {
  readonly file: ParquetFile;
  /** Below the root. */
  readonly name: string;
  readonly columns: { readonly image: string; readonly label: string };
  readonly labels: readonly (number | string)[];
  /** As its footer names them. */
  readonly classes: readonly string[] | undefined;
}

/** What people call a row. */
export function rowName(sources: readonly ParquetSource[], index: number): string {
  let at = index;
  for (const { name, labels } of sources) {
    if (at < labels.length) return `${name}#${at}`;
    at -= labels.length;
  }
  return `#${index}`;
}

/**
 * A split over files. A group of rows is unpacked when one of its pictures is first asked for, and its pictures are put aside: training
 * asks in random order, and a group has hundreds of pictures. A stream unpacks each group anew and keeps none.
 */
export function parquetSplit(name: string, sources: readonly ParquetSource[], labels: Int32Array, spill: Spill): Split {
  const groups: {
    readonly source: ParquetSource;
    readonly group: number;
    readonly first: number;
    readonly rows: number;
  }[] = [];
  let first = 0;
  for (const source of sources)
    for (let group = 0; group + 1 < source.file.begins.length; group++) {
      const rows = (source.file.begins[group + 1] as number) - (source.file.begins[group] as number);
      if (rows > 0) groups.push({ source, group, first, rows });
      first += rows;
    }
  const pictures = async (g: number): Promise<Uint8Array[]> => {
    const { source, group } = groups[g] as (typeof groups)[0];
    return (await source.file.read(group, source.columns.image)).map(bytesOf);
  };
  const held = new Map<number, Promise<SampleSource[]>>();
  let last: Promise<unknown> = Promise.resolve(); // one group is unpacked at a time: that bounds the memory
  const unpacked = (g: number): Promise<SampleSource[]> => {
    const known = held.get(g);
    if (known) return known;
    const added = last.then(async () => spill.add(await pictures(g)));
    last = added.catch(() => {});
    held.set(g, added);
    added.catch(() => held.delete(g));
    return added;
  };
  return makeSplit({
    name,
    labels,
    nameOf: (index) => rowName(sources, index),
    async source(index) {
      let [low, high] = [0, groups.length - 1];
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if ((groups[middle] as (typeof groups)[0]).first <= index) low = middle;
        else high = middle - 1;
      }
      return (await unpacked(low))[index - (groups[low] as (typeof groups)[0]).first] as SampleSource;
    },
    async *stream(): AsyncGenerator<Sample, void, undefined> {
      for (const [g, { first: begin }] of groups.entries())
        for (const [i, bytes] of (await pictures(g)).entries()) {
          const index = begin + i;
          const source = { kind: "bytes", bytes: Uint8Array.from(bytes) } as const;
          yield { index, name: rowName(sources, index), label: labels[index] as number, source };
        }
    },
  });
}

/** No bytes where a row has none: that is a bad picture, which decoding names. */
function bytesOf(value: unknown): Uint8Array {
  const bytes = value instanceof Uint8Array ? value : (value as { bytes?: unknown } | null | undefined)?.bytes;
  return bytes instanceof Uint8Array ? bytes : new Uint8Array(0);
}
