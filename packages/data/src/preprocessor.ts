import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { decodeHere } from "./decode-here.ts";
import type { DecodeOptions } from "./decode-options.ts";
import { ImageError } from "./errors.ts";
import { DEPTH, Pool } from "./pool.ts";
import { evalTransform, type Preprocess } from "./transform.ts";
import type { WorkerSettings } from "./worker-protocol.ts";
import { workerUrl } from "./worker-url.ts";

/** A picture's bytes, its path, or its file URL. */
export type ImageSource = Uint8Array | string | URL;

export interface PreprocessorOptions extends DecodeOptions {
  /** What the model wants; it travels with the weights. */
  readonly preprocess: Preprocess;
  /** Worker threads. 0 works on the calling thread. Default: one for each core, at most 8. */
  readonly threads?: number;
}

/** One picture's result in {@link Preprocessor.settle}. */
export type Settled = { readonly data: Float32Array } | { readonly error: ImageError };

/** A pool of threads that turn files into a model's input while the calling thread stays free. */
export interface Preprocessor {
  /** Worker threads; 0 where the work is done on the calling thread. */
  readonly threads: number;
  /** Size of every result, in pixels. */
  readonly height: number;
  readonly width: number;
  /** One picture: `[height, width, 3]`, normalised. */
  one(source: ImageSource, name?: string): Promise<Float32Array>;
  /** All pictures in one array, in the order given: `[N, height, width, 3]`. The first that fails, in that order, is the error. */
  batch(sources: readonly ImageSource[]): Promise<Float32Array>;
  /** Each picture or its error, in the order given: a bad file does not cost the others. */
  settle(sources: readonly ImageSource[]): Promise<Settled[]>;
  /** Ends the threads. Pictures under way fail with `worker-failed`, and so does every later call. Safe to call twice. */
  dispose(): Promise<void>;
}

/** Starts a pool of worker threads that decode, resize, crop and normalise. Threads start with the first pictures. */
export function createPreprocessor(options: PreprocessorOptions): Preprocessor {
  const { preprocess, threads = Math.min(availableParallelism(), 8), ...decodeOptions } = options;
  if (!Number.isSafeInteger(threads) || threads < 0)
    throw new ImageError("bad-argument", `threads: expected a whole number of at least 0, found ${threads}`);
  const transform = evalTransform(preprocess);
  const settings: WorkerSettings = { preprocess, decode: decodeOptions };
  const pool = threads === 0 ? undefined : new Pool(threads, settings, workerUrl);
  let disposed = false;

  const one = async (source: ImageSource, name = decodeOptions.name): Promise<Float32Array> => {
    if (disposed) throw new ImageError("worker-failed", "this preprocessor was disposed of; create another");
    return pool
      ? pool.run(plain(source), name)
      : transform.ofWindow(await decodeHere(source, { ...decodeOptions, name }, transform.window));
  };
  const settle = async (sources: readonly ImageSource[], keep: (i: number, data: Float32Array) => void) => {
    const errors: (ImageError | undefined)[] = new Array(sources.length).fill(undefined);
    // As many at a time as are worked on: the results wait in one array, not as a promise and a copy each.
    let next = 0;
    const lane = async (): Promise<void> => {
      for (let i = next++; i < sources.length; i = next++) {
        try {
          keep(i, await one(sources[i] as ImageSource));
        } catch (error) {
          errors[i] = error as ImageError;
        }
      }
    };
    await Promise.all(Array.from({ length: Math.max(1, threads * DEPTH) }, lane));
    return errors;
  };
  return {
    threads,
    height: transform.height,
    width: transform.width,
    one,
    async batch(sources) {
      const size = transform.height * transform.width * 3;
      const out = new Float32Array(sources.length * size);
      const errors = await settle(sources, (i, data) => out.set(data, i * size));
      const first = errors.find((e) => e !== undefined);
      if (first) throw first;
      return out;
    },
    async settle(sources) {
      const done: (Float32Array | undefined)[] = new Array(sources.length).fill(undefined);
      const errors = await settle(sources, (i, data) => {
        done[i] = data;
      });
      return done.map((data, i) => (data ? { data } : { error: errors[i] as ImageError }));
    },
    async dispose() {
      disposed = true;
      await pool?.dispose();
    },
  };
}

/**
 * Files into one array `[N, height, width, 3]`, in the order given, with threads that end afterwards. For more than one
 * batch keep a {@link createPreprocessor}.
 */
export async function preprocessFiles(
  sources: readonly ImageSource[],
  options: PreprocessorOptions,
): Promise<Float32Array> {
  const preprocessor = createPreprocessor(options);
  try {
    return await preprocessor.batch(sources);
  } finally {
    await preprocessor.dispose();
  }
}

function plain(source: ImageSource): Uint8Array | string {
  return source instanceof URL ? fileURLToPath(source) : source; // a URL can't be sent to a thread
}
