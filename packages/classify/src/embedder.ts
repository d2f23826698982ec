import { type Running, rowsOf } from "./rows.ts";
import type { Embedder, EmbedOutcome, Photo, PhotoOptions } from "./types.ts";

/** Joins a model without a classifier and its preprocessing. */
export function embedderOf(running: Running): Embedder {
  const { name, model, preprocess, runner } = running;
  const width = model.numFeatures;
  const rows = rowsOf(running, width, { what: "embedder", gives: "features" });

  async function* each(
    photos: Iterable<Photo>,
    options: PhotoOptions = {},
  ): AsyncGenerator<EmbedOutcome, void, undefined> {
    for await (const { photo, ...found } of rows.each(photos, options)) {
      // A copy: the row is part of its batch.
      yield "row" in found ? { photo, embedding: found.row.slice() } : { photo, error: found.error as Error };
    }
  }

  function embed(photo: Photo, options?: PhotoOptions): Promise<Float32Array>;
  function embed(photos: readonly Photo[], options?: PhotoOptions): Promise<Float32Array[]>;
  async function embed(
    input: Photo | readonly Photo[],
    options?: PhotoOptions,
  ): Promise<Float32Array | Float32Array[]> {
    const many = Array.isArray(input);
    const found: Float32Array[] = [];
    for await (const outcome of each(many ? (input as readonly Photo[]) : [input as Photo], options)) {
      if (outcome.error) throw outcome.error;
      found.push(outcome.embedding);
    }
    return many ? found : (found[0] as Float32Array);
  }

  return {
    name,
    model,
    width,
    preprocess,
    report: runner.backend,
    engine: runner.engine,
    embed,
    each,
    dispose: rows.dispose,
  };
}
