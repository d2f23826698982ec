import type { ImageModel, Preprocess } from "@vitrail/layers";
import type { Runner } from "./engine.ts";
import { ClassifyError } from "./errors.ts";
import { isKnown, type OpenSet } from "./open-set.ts";
import { topK } from "./softmax.ts";
import type { Answer, Classifier, ClassifyOptions, Outcome, Photo, Prediction } from "./types.ts";

/** How a platform turns photos into pixels for the model: on threads in Node, on the spot in a browser. */
export interface Preprocessor {
  /** How many photos are worth preparing at once. */
  readonly ahead: number;
  /** One photo as `[height, width, 3]`, row by row, normalised. */
  prepare(photo: Photo, options: ClassifyOptions): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** What a classifier is made of. */
export interface Parts {
  readonly name: string;
  readonly model: ImageModel;
  readonly labels: readonly string[];
  readonly preprocess: Preprocess;
  readonly openSet: OpenSet | undefined;
  readonly preprocessor: Preprocessor;
  readonly runner: Runner;
}

const TOP = 5;

/** Joins model, preprocessing and labels. */
export function classifierOf(parts: Parts): Classifier {
  const { name, model, labels, preprocessor, runner } = parts;
  const device = runner.backend?.name ?? runner.engine.name;
  let disposed = false;

  const alive = () => {
    if (disposed) throw new ClassifyError("disposed", "this classifier was disposed of: make a new one");
  };

  async function answers(inputs: readonly Float32Array[], top: number): Promise<Answer[]> {
    alive();
    const [, height, width] = parts.preprocess.inputSize;
    const values = new Float32Array(inputs.length * height * width * 3);
    inputs.forEach((input, i) => {
      values.set(input, i * height * width * 3);
    });
    const rows = await runner.run(values, inputs.length);
    alive();
    const classes = labels.length;
    return inputs.map((_, i) => answer(rows.subarray(i * classes, (i + 1) * classes), top));
  }

  function answer(row: Float32Array, top: number): Answer {
    if (!row.every(Number.isFinite)) {
      throw new ClassifyError(
        "not-finite",
        `${name} gave logits that are not finite: its weights are broken or do not belong to it`,
      );
    }
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
    alive();
    const top = wholeNumber("top", options.top ?? TOP);
    const batchSize = wholeNumber("batchSize", options.batchSize ?? defaultBatch(parts.preprocess, device));
    if (options.maxPixels !== undefined) wholeNumber("maxPixels", options.maxPixels);
    const source = photos[Symbol.iterator]();
    const waiting: { photo: Photo; input: Promise<Float32Array | Error> }[] = [];
    let more = true;
    const fill = () => {
      while (more && waiting.length < preprocessor.ahead + batchSize) {
        const next = source.next();
        if (next.done) {
          more = false;
        } else {
          const photo = next.value;
          waiting.push({ photo, input: preprocessor.prepare(photo, options).catch(asError) });
        }
      }
    };
    for (fill(); waiting.length > 0; fill()) {
      const batch = waiting.splice(0, batchSize);
      const inputs = await Promise.all(batch.map(({ input }) => input));
      alive();
      fill(); // threads prepare the next photos while the forward pass holds this one
      const good = inputs.filter((input) => input instanceof Float32Array);
      const found = good.length > 0 ? await answers(good, top) : [];
      let at = 0;
      for (const [i, { photo }] of batch.entries()) {
        const input = inputs[i];
        yield input instanceof Error ? { photo, error: input } : { photo, ...(found[at++] as Answer) };
      }
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
    async dispose() {
      if (disposed) return;
      disposed = true;
      model.dispose();
      await Promise.all([runner.dispose(), preprocessor.dispose()]);
    },
  };
}

/**
 * Photos a forward pass. tfjs on wasm gains nothing from a batch of large images (ViT-Ti at 224 pixels: 4.2 photos a second one by
 * one, 2.3 in eights), while small ones are dominated by the cost of a call; a GPU or libtensorflow wants batches of both, and
 * ONNX Runtime on a CPU gains up to eight.
 */
function defaultBatch({ inputSize: [, height, width] }: Preprocess, device: string): number {
  const slow = device === "wasm" || device === "cpu";
  const most = device.startsWith("ort") ? 8 : 16;
  const pixels = slow ? 32 * 32 * 32 : most * 224 * 224;
  return Math.min(64, Math.max(1, Math.floor(pixels / (height * width))));
}

function wholeNumber(what: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new ClassifyError("bad-option", `${what} is ${value}; it must be a whole number above 0`);
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
