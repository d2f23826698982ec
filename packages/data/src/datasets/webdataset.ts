/**
 * Tar shards as the Python package webdataset reads them: files of one sample have one name up to the first dot, the rest tells what
 * they are (`000012.jpg`, `000012.cls`). https://github.com/webdataset/webdataset
 */
import { basename, join } from "node:path";
import { kindOf } from "../probe.ts";
import { statedClasses } from "./class-names.ts";
import { DatasetError, quote } from "./errors.ts";
import { labelByName, labelByNumber } from "./labels.ts";
import { systemFile } from "./names.ts";
import { namedAsPicture } from "./pictures.ts";
import type { Opened, Opening, Part } from "./reader.ts";
import { makeSplit } from "./split.ts";
import { type TarEntry, tarEntries } from "./tar.ts";
import type { Sample, Skipped, Split } from "./types.ts";
import { eachOf } from "./walk.ts";
import { Window } from "./window.ts";

/** What tells a sample's class, the first that is there. */
const LABELS = ["cls", "label", "class", "cls.txt", "json"];
/** In a JSON file. */
const KEYS = ["label", "cls", "class", "class_name", "label_name", "category", "target"];
/** Of a file with a label; a JSON file may have a caption and more beside it. */
const MOST_LABEL = 1 << 20;

/** The samples of one shard, in its order. */
interface Shard {
  readonly path: string;
  /** Below the root. */
  readonly name: string;
  readonly names: string[];
  readonly labels: string[];
  readonly offsets: number[];
  readonly lengths: number[];
  readonly skipped: Skipped[];
}

/** Opens shards: each is gone through once for its headers and labels. `files` are those directly in the root. */
export async function openShards(
  { root, options, skipped }: Opening,
  parts: readonly Part[],
  files: readonly string[],
): Promise<Opened> {
  const shards: Shard[] = new Array(parts.length);
  await eachOf(parts, 4, async ({ path }, i) => {
    shards[i] = await readShard(join(root, path), path);
  });
  const bySplit = new Map<string, Shard[]>();
  for (const [i, { split }] of parts.entries()) {
    const shard = shards[i] as Shard;
    bySplit.set(split, [...(bySplit.get(split) ?? []), shard]);
    skipped.push(...shard.skipped);
  }
  const texts = new Map([...bySplit].map(([split, list]) => [split, list.flatMap(({ labels }) => labels)]));
  const names = new Map([...bySplit].map(([split, list]) => [split, list.flatMap((shard) => shard.names)]));
  const place = (split: string, i: number): string => `${root}: ${names.get(split)?.[i]}`;
  const own = await statedClasses(root, files);
  const numbered = [...texts.values()].every((list) => list.every((label) => /^-?\d{1,9}$/.test(label)));
  const { classes, labels } = numbered
    ? labelByNumber(new Map([...texts].map(([split, list]) => [split, list.map(Number)])), own, options.classes, place)
    : labelByName(texts, options.classes ?? own, place);
  const splits = [...labels].map(([split, own]) =>
    shardSplit(split, bySplit.get(split) as readonly Shard[], names.get(split) as readonly string[], own),
  );
  return { format: "webdataset", classes, splits };
}

function shardSplit(name: string, shards: readonly Shard[], names: readonly string[], labels: Int32Array): Split {
  const shardOf = new Uint32Array(labels.length);
  const offsets = new Float64Array(labels.length);
  const lengths = new Float64Array(labels.length);
  let at = 0;
  for (const [s, shard] of shards.entries()) {
    shardOf.fill(s, at, at + shard.offsets.length);
    offsets.set(shard.offsets, at);
    lengths.set(shard.lengths, at);
    at += shard.offsets.length;
  }
  return makeSplit({
    name,
    labels,
    nameOf: (i) => names[i] as string,
    source: (i) => ({
      kind: "slice",
      path: (shards[shardOf[i] as number] as Shard).path,
      offset: offsets[i] as number,
      length: lengths[i] as number,
    }),
    async *stream(): AsyncGenerator<Sample, void, undefined> {
      let index = 0;
      for (const { path, offsets: begins, lengths: sizes } of shards) {
        const file = await Window.open(path);
        try {
          for (const [i, offset] of begins.entries()) {
            const bytes = Uint8Array.from(await file.bytes(offset, sizes[i] as number));
            yield {
              index,
              name: names[index] as string,
              label: labels[index] as number,
              source: { kind: "bytes", bytes },
            };
            index++;
          }
        } finally {
          await file.close();
        }
      }
    },
  });
}

interface Draft {
  picture?: { readonly entry: TarEntry; readonly ending: string };
  label?: { readonly text: string; readonly rank: number };
}

async function readShard(path: string, name: string): Promise<Shard> {
  const shard: Shard = { path, name, names: [], labels: [], offsets: [], lengths: [], skipped: [] };
  const drafts = new Map<string, Draft>();
  const file = await Window.open(path);
  try {
    const head = file.size < 6 ? new Uint8Array(0) : await file.bytes(0, 6);
    if (head[0] === 0x1f && head[1] === 0x8b)
      throw new DatasetError("unsupported", `${path}: a gzipped tar can't be read at random: unpack it with gunzip`, {
        file: path,
      });
    for await (const entry of tarEntries(file)) {
      if (entry.name.split("/").some((part) => systemFile(part) !== undefined)) {
        shard.skipped.push({ name: `${name}/${entry.name}`, reason: "a hidden or system file" });
        continue;
      }
      // webdataset's key: the path up to the first dot behind the last slash
      const from = entry.name.lastIndexOf("/") + 1;
      const dot = entry.name.indexOf(".", from);
      const key = dot < 0 ? entry.name : entry.name.slice(0, dot);
      const ending = dot < 0 ? "" : entry.name.slice(dot + 1).toLowerCase();
      const draft = drafts.get(key) ?? {};
      drafts.set(key, draft);
      const rank = LABELS.indexOf(ending);
      if (rank >= 0) await takeLabel(file, entry, ending, rank, draft);
      else if (namedAsPicture(`.${ending}`) || (await looksLikePicture(file, entry, draft)))
        takePicture(file, entry, ending, draft);
    }
  } finally {
    await file.close();
  }
  const picked: { readonly key: string; readonly entry: TarEntry; readonly label: string }[] = [];
  let unlabelled: string | undefined;
  for (const [key, { picture, label }] of drafts) {
    if (picture && label) picked.push({ key, entry: picture.entry, label: label.text });
    else if (picture) {
      unlabelled ??= key;
      shard.skipped.push({
        name: `${name}/${picture.entry.name}`,
        reason: `no label (${LABELS.slice(0, 2).join(", ")} or json)`,
      });
    } else shard.skipped.push({ name: `${name}/${key}`, reason: "no picture" });
  }
  if (picked.length === 0 && unlabelled !== undefined)
    throw new DatasetError(
      "missing-column",
      `${path}: pictures without labels: expected ${quote(`${unlabelled}.cls`)} beside ${quote(unlabelled)}`,
      { file: path },
    );
  for (const { entry, label } of picked) {
    shard.names.push(`${name}/${entry.name}`);
    shard.labels.push(label);
    shard.offsets.push(entry.offset);
    shard.lengths.push(entry.size);
  }
  return shard;
}

/** A file under another name than a picture's, of a sample that has none yet. */
async function looksLikePicture(file: Window, { offset, size }: TarEntry, draft: Draft): Promise<boolean> {
  return (
    draft.picture === undefined && size > 16 && kindOf(await file.bytes(offset, Math.min(size, 512))) !== undefined
  );
}

function takePicture({ path }: Window, entry: TarEntry, ending: string, draft: Draft): void {
  if (draft.picture)
    throw new DatasetError(
      "unsupported",
      `${path}: ${quote(entry.name)} is a second picture beside .${draft.picture.ending}: expected one picture a sample`,
      { file: path },
    );
  draft.picture = { entry, ending };
}

async function takeLabel(file: Window, entry: TarEntry, ending: string, rank: number, draft: Draft): Promise<void> {
  const fail = (why: string): never => {
    throw new DatasetError("corrupt", `${file.path}: ${quote(entry.name)} ${why}`, { file: file.path });
  };
  if (draft.label?.rank === rank) fail("is there twice: two samples have one name");
  if (draft.label && draft.label.rank < rank) return;
  if (entry.size > MOST_LABEL) fail(`has ${entry.size} bytes, expected a label`);
  const source = new TextDecoder().decode(await file.bytes(entry.offset, entry.size)).trim();
  const text = ending === "json" ? labelInJson(source, fail) : source;
  if (text === "") fail("is empty, expected a number or a name");
  if (text !== undefined) draft.label = { text, rank };
}

function labelInJson(source: string, fail: (why: string) => never): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch {
    return fail("is no JSON");
  }
  if (typeof value === "string" || typeof value === "number") return String(value);
  for (const key of KEYS) {
    const found = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
    if (typeof found === "string" || typeof found === "number") return String(found).trim();
  }
  return undefined;
}

/** Whether a name is a shard's. */
export function isShard(name: string): boolean {
  return /\.(tar|tgz|tar\.gz)$/i.test(basename(name));
}
