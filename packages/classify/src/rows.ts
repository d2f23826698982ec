import type { ImageModel, Preprocess } from "@vitrail/layers";
import type { Runner } from "./engine.ts";
import { ClassifyError } from "./errors.ts";
import type { Photo, PhotoOptions } from "./types.ts";

/** How a platform turns photos into pixels for the model: on threads in Node, on the spot in a browser. */
export interface Preprocessor {
  /** How many photos are worth preparing at once. */
  readonly ahead: number;
  /** One photo as `[height, width, 3]`, row by row, normalised. */
  prepare(photo: Photo, options: PhotoOptions): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** A model that runs, and what brings photos to it. */
export interface Running {
  readonly name: string;
  readonly model: ImageModel;
  readonly preprocess: Preprocess;
  readonly preprocessor: Preprocessor;
  readonly runner: Runner;
}

/** What the model gave for a photo, or the error that the photo gave. */
export type Row =
  | { readonly photo: Photo; readonly row: Float32Array; readonly error?: undefined }
  | { readonly photo: Photo; readonly error: Error };

/** Photos to rows of numbers, until it is disposed of. */
export interface Rows {
  /** Any number of photos, one outcome each, in their order: the next are prepared while a batch is computed. */
  each(photos: Iterable<Photo>, options: PhotoOptions): AsyncGenerator<Row, void, undefined>;
  dispose(): Promise<void>;
}

/**
 * Photos to rows of `width` numbers.
 *
 * @param is what it is and what it gives, for errors
 */
export function rowsOf(
  { name, model, preprocess, preprocessor, runner }: Running,
  width: number,
  is: { readonly what: string; readonly gives: string },
): Rows {
  const device = runner.backend?.name ?? runner.engine.name;
  // A session of another thread goes on with the next batch while this one looks at the answers.
  const inFlight = runner.engine.name === "tfjs" ? 1 : 2;
  let disposed = false;

  const alive = () => {
    if (disposed) throw new ClassifyError("disposed", `this ${is.what} was disposed of: make a new one`);
  };

  async function answers(inputs: readonly Float32Array[]): Promise<Float32Array[]> {
    alive();
    const [, high, wide] = preprocess.inputSize;
    const values = new Float32Array(inputs.length * high * wide * 3);
    inputs.forEach((input, i) => {
      values.set(input, i * high * wide * 3);
    });
    const all = await runner.run(values, inputs.length);
    alive();
    return inputs.map((_, i) => {
      const row = all.subarray(i * width, (i + 1) * width);
      if (row.every(Number.isFinite)) return row;
      const why = "its weights are broken or do not belong to it";
      throw new ClassifyError("not-finite", `${name} gave ${is.gives} that are not finite: ${why}`);
    });
  }

  async function* each(photos: Iterable<Photo>, options: PhotoOptions): AsyncGenerator<Row, void, undefined> {
    alive();
    const batchSize = wholeNumber("batchSize", options.batchSize ?? defaultBatch(preprocess, device));
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
    const compute = async (batch: typeof waiting) => {
      const inputs = await Promise.all(batch.map(({ input }) => input));
      alive();
      const good = inputs.filter((input) => input instanceof Float32Array);
      return { batch, inputs, found: good.length > 0 ? await answers(good) : [] };
    };
    const running: ReturnType<typeof compute>[] = [];
    for (;;) {
      // Threads prepare the next photos while the forward pass holds these.
      for (fill(); running.length < inFlight && waiting.length > 0; fill()) {
        const next = compute(waiting.splice(0, batchSize));
        next.catch(() => undefined); // whoever waits for it is told, when its turn comes
        running.push(next);
      }
      const first = running.shift();
      if (!first) return;
      const { batch, inputs, found } = await first;
      alive();
      let at = 0;
      for (const [i, { photo }] of batch.entries()) {
        const input = inputs[i];
        yield input instanceof Error ? { photo, error: input } : { photo, row: found[at++] as Float32Array };
      }
    }
  }

  return {
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

/** @throws ClassifyError "bad-option" */
export function wholeNumber(what: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new ClassifyError("bad-option", `${what} is ${value}; it must be a whole number above 0`);
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
