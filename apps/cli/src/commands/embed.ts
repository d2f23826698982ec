import type { EngineChoice } from "../engine-choice.ts";
import { type Entry, entriesOf } from "../files.ts";
import { colorsFor, print, say } from "../io.ts";
import { FEW, LONG, photosOf, reasonFor } from "../photos.ts";
import { progress } from "../progress.ts";
import { plain, UserError } from "../user-error.ts";
import { formatOf } from "../vectors.ts";
import { refuseExisting, writeWhole } from "../whole-file.ts";

/** The options of `vitrail embed`. */
export interface EmbedCommand extends EngineChoice {
  readonly out: string;
  readonly force?: boolean;
  readonly model?: string;
  readonly weights?: string;
  readonly offline?: boolean;
  readonly batch?: number;
  readonly maxPixels: number;
  readonly orientation: boolean;
  readonly json?: boolean;
}

/** What `vitrail embed --json` prints. */
export interface EmbedRow {
  readonly model: string;
  readonly file: string;
  /** How many vectors are in the file, and how many numbers each has. */
  readonly vectors: number;
  readonly width: number;
  /** Photos that have none. */
  readonly failed: readonly { readonly file: string; readonly error: string }[];
}

/** `vitrail embed`: 0 if every photo has its vector, else 1. Where some have, the file holds those; where none has, there is none. */
export async function embed(paths: readonly string[], options: EmbedCommand): Promise<number> {
  const { out, json, batch } = options;
  const format = formatOf(out);
  refuseExisting(out, options.force);
  const onNote = (line: string) => say(plain(line));
  const [entries, { openEmbedder }] = await Promise.all([entriesOf(paths, onNote), import("../open-classifier.ts")]);
  const found = entries.filter((entry) => entry.error === undefined);
  const errors = new Map<Entry, string>();
  for (const entry of entries) if (entry.error !== undefined) errors.set(entry, entry.error);
  const embedder = await openEmbedder({ ...options, threads: found.length > FEW ? undefined : 0 }, onNote);
  const { name: model, width } = embedder;
  const bar = found.length > LONG ? await progress(found.length) : undefined;
  let vectors = 0;
  try {
    const photos = await photosOf(found);
    const settings = { ...options, ...(batch === undefined ? {} : { batchSize: batch }) };
    await writeWhole(out, async (file) => {
      const vectorFile = await format(file, { model, width, names: found.map((entry) => entry.file) });
      let next = 0;
      for await (const { embedding, error } of embedder.each(photos, settings)) {
        const entry = found[next++] as (typeof found)[number];
        if (error) errors.set(entry, reasonFor(entry, error));
        else {
          await vectorFile.add(entry.file, embedding);
          vectors++;
        }
        bar?.step();
      }
      if (vectors === 0) throw new Nothing();
      await vectorFile.finish();
    });
  } catch (error) {
    if (!(error instanceof Nothing)) throw error;
  } finally {
    bar?.stop();
    await embedder.dispose();
  }
  const failed = entries.flatMap((entry) => {
    const error = errors.get(entry);
    return error === undefined ? [] : [{ file: entry.file, error }];
  });
  const { red } = colorsFor(process.stderr);
  if (json) print(JSON.stringify({ model, file: out, vectors, width, failed } satisfies EmbedRow, null, 2));
  else for (const { file, error } of failed) say(red(`error: ${plain(file)}: ${error}`));
  if (vectors === 0) throw new UserError(`--out ${out}: none of the photos has a vector, so nothing is written`);
  if (!json) print(`${plain(out)}: ${vectors} ${vectors === 1 ? "vector" : "vectors"} of ${width} numbers, ${model}`);
  return failed.length > 0 ? 1 : 0;
}

/** Nothing is to be written after all. */
class Nothing extends Error {}
