import { isKnown, type OpenSet } from "./open-set.ts";
import { type Running, rowsOf, wholeNumber } from "./rows.ts";
import { topK } from "./softmax.ts";
import type { Answer, Classifier, ClassifyOptions, Outcome, Photo, Prediction } from "./types.ts";

/** What a classifier is made of. */
export interface Parts extends Running {
  readonly labels: readonly string[];
  readonly openSet: OpenSet | undefined;
}

const TOP = 5;

/** Joins model, preprocessing and labels. */
export function classifierOf(parts: Parts): Classifier {
  const { name, model, labels, runner } = parts;
  const rows = rowsOf(parts, labels.length, { what: "classifier", gives: "logits" });

  function answer(row: Float32Array, top: number): Answer {
    const predictions: Prediction[] = topK(row, top).map(({ index, probability }) => ({
      label: labels[index] as string,
      index,
      probability,
    }));
    return { predictions, known: isKnown(row, parts.openSet) };
  }

  async function* each(
    photos: Iterable<Photo>,
    options: ClassifyOptions = {},
  ): AsyncGenerator<Outcome, void, undefined> {
    const top = wholeNumber("top", options.top ?? TOP);
    for await (const { photo, ...found } of rows.each(photos, options)) {
      yield "row" in found ? { photo, ...answer(found.row, top) } : { photo, error: found.error as Error };
    }
  }

  async function examine(photo: Photo, options?: ClassifyOptions): Promise<Answer> {
    const [outcome] = await all([photo], options);
    return outcome as Answer;
  }

  async function all(photos: readonly Photo[], options?: ClassifyOptions): Promise<Answer[]> {
    const found: Answer[] = [];
    for await (const outcome of each(photos, options)) {
      if (outcome.error) throw outcome.error;
      found.push({ predictions: outcome.predictions, known: outcome.known });
    }
    return found;
  }

  function classify(photo: Photo, options?: ClassifyOptions): Promise<readonly Prediction[]>;
  function classify(photos: readonly Photo[], options?: ClassifyOptions): Promise<readonly (readonly Prediction[])[]>;
  async function classify(
    input: Photo | readonly Photo[],
    options?: ClassifyOptions,
  ): Promise<readonly Prediction[] | readonly (readonly Prediction[])[]> {
    if (Array.isArray(input)) return (await all(input as readonly Photo[], options)).map((a) => a.predictions);
    return (await examine(input as Photo, options)).predictions;
  }

  return {
    name,
    model,
    labels,
    report: runner.backend,
    engine: runner.engine,
    classify,
    examine,
    each,
    dispose: rows.dispose,
  };
}
