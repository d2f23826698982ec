import type { Compiled, EngineName, Precision } from "@vitrail/jit";
import type { ImageModel } from "@vitrail/layers";
import { type BackendReport, type Tensor4D, tensor4d, tidy } from "@vitrail/tensor";
import { ClassifyError } from "./errors.ts";

/** What runs the forward pass, and why: `ort` is onnxruntime-node, `ort-web` onnxruntime-web, `tfjs` the tfjs backend. */
export interface EngineInfo {
  readonly name: EngineName;
  /** ONNX Runtime's execution provider; undefined for tfjs. */
  readonly provider: string | undefined;
  readonly reason: string;
  /** What came first and could not be taken. */
  readonly tried: readonly { readonly name: string; readonly reason: string }[];
}

/** Which engine, and how precisely it computes. */
export interface EngineChoice {
  /**
   * Default "auto": the model is traced once and runs in `onnxruntime-node`, else in `onnxruntime-web`, whichever is installed, off the
   * calling thread; else on tfjs. "tfjs" where `backend` is given.
   */
  readonly engine?: EngineName | "auto";
  /**
   * Default "fp32". "int8" needs ONNX Runtime; without `calibration` it rounds matrix products only, by the range of each batch.
   * "fp16" rounds the weights to half precision.
   */
  readonly precision?: Precision;
}

/** A forward pass on host values. */
export interface Runner {
  readonly engine: EngineInfo;
  /** Of engine tfjs: the backend, and why it was chosen. */
  readonly backend: BackendReport | undefined;
  /** Images `[n, height, width, 3]` to logits `[n, classes]`. */
  run(values: Float32Array, n: number): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** The functions of `@vitrail/jit` that a platform has. */
export type Jit = Pick<typeof import("@vitrail/jit"), "compile" | "quantize" | "hostTensors" | "warmUp">;

/** Checks that engine, precision and backend go together, and gives the engine. */
export function engineFor({ engine, precision }: EngineChoice, backend: string | undefined): EngineName | "auto" {
  const chosen = engine === undefined || engine === "auto" ? (backend === undefined ? "auto" : "tfjs") : engine;
  const engines = ["auto", "ort", "ort-web", "tfjs"];
  if (!engines.includes(chosen)) throw bad(`engine ${chosen}: expected ${engines.join(", ")}`);
  const precisions = ["fp32", "fp16", "int8"];
  if (precision !== undefined && !precisions.includes(precision)) {
    throw bad(`precision ${precision}: expected ${precisions.join(", ")}`);
  }
  if (backend !== undefined && chosen !== "tfjs") {
    throw bad(`backend ${backend} is one of engine tfjs, found engine ${chosen}: leave one of the two out`);
  }
  if (chosen === "tfjs" && precision !== undefined && precision !== "fp32") {
    throw bad(`precision ${precision} needs engine ort or ort-web; tfjs computes in fp32`);
  }
  return chosen;
}

const bad = (message: string) => new ClassifyError("bad-option", message);

/** The model as it is written, on the tfjs backend. */
export function eagerRunner(
  model: ImageModel,
  [height, width]: readonly [number, number],
  backend: BackendReport,
  why: Pick<EngineInfo, "reason" | "tried">,
): Runner {
  return {
    engine: { name: "tfjs", provider: undefined, ...why },
    backend,
    async run(values, n) {
      // tidy is synchronous: no other call's tensors can come between.
      const logits = tidy(() => model.forward(tensor4d(values, [n, height, width, 3]) as Tensor4D));
      try {
        return (await logits.data()) as Float32Array;
      } finally {
        logits.dispose();
      }
    },
    async dispose() {},
  };
}

/**
 * The model traced, compressed where asked, and in a session of its own. "auto" falls back to tfjs with the reason; only then is a
 * tfjs backend started.
 */
export async function compiledRunner(
  jit: Jit,
  model: ImageModel,
  [height, width]: readonly [number, number],
  choice: { engine: EngineName | "auto"; precision: Precision; calibration: AsyncIterable<Float32Array> | undefined },
  startBackend: () => Promise<BackendReport>,
): Promise<Runner> {
  const { engine, precision, calibration } = choice;
  const options = { input: [null, height, width, 3], engine };
  let target: Parameters<Jit["compile"]>[0] = model;
  let compiled: Compiled;
  try {
    if (precision !== "fp32") target = await jit.quantize(model, { ...options, precision, calibration });
    compiled = await jit.compile(target, options);
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    // A model of the user's own may do what cannot be traced: as it is written it runs all the same.
    if (engine !== "auto" || precision !== "fp32" || !code?.startsWith("trace-")) throw error;
    const tried = [{ name: "ort", reason: message }];
    return eagerRunner(model, [height, width], await startBackend(), { reason: "the model cannot be traced", tried });
  }
  const { engine: name, provider, reason, tried } = compiled.report;
  return {
    engine: { name, provider, reason, tried },
    backend: name === "tfjs" ? await startBackend() : undefined,
    ...inStreams(compiled, weightBytes(model, precision), (streams) =>
      jit.compile(target, { ...options, engine: name, provider, streams }),
    ),
  };
}

/** Of the sessions that share a batch: each holds the weights. */
const STREAMS = 4;
/** Heavier models gain a few hundredths by streams: their products are long, and threads wait for each other seldom. */
const MOST_BYTES = 32 * 2 ** 20;
/** Photos in batches after which more are to be expected than opening the sessions costs. */
const MANY = 64;

/** What a session holds of them: half precision is for files alone. */
function weightBytes({ params }: ImageModel, precision: Precision): number {
  const values = [...params.named().values()].reduce((sum, { variable }) => sum + variable.size, 0);
  return values * (precision === "int8" ? 1 : 4);
}

/**
 * Batches of small models go to several sessions once there were many photos. The threads of one session meet after each of its
 * kernels, and whichever decodes a photo meanwhile keeps the others waiting; sessions of a thread each do not. From JPEG files to labels, two
 * threads and batches of 8, milliseconds a photo: ViT-Ti 10.4 to 8.8, its int8 7.4 to 6.5. A photo alone has all threads, as before.
 */
function inStreams(
  all: Compiled,
  bytes: number,
  open: (streams: number) => Promise<Compiled>,
): Pick<Runner, "run" | "dispose"> {
  const { engine, provider } = all.report;
  const worthwhile = engine === "ort" && provider === "cpu" && bytes <= MOST_BYTES;
  let photos = 0;
  let opening: Promise<void> | undefined;
  let streams: Compiled | undefined;
  return {
    async run(values, n) {
      if (n > 1) photos += n;
      if (worthwhile && photos >= MANY) {
        opening ??= open(STREAMS).then(
          (opened) => {
            streams = opened;
          },
          () => undefined, // one session answers as well
        );
      }
      if (!streams || n === 1) return all.run(values);
      const parts = Math.min(STREAMS, n);
      const per = values.length / n;
      const found = await Promise.all(
        Array.from({ length: parts }, (_, i) => {
          const [from, to] = [i, i + 1].map((k) => Math.round((k * n) / parts) * per);
          return (streams as Compiled).run(values.subarray(from, to));
        }),
      );
      const rows = new Float32Array(found.reduce((sum, { length }) => sum + length, 0));
      let at = 0;
      for (const part of found) {
        rows.set(part, at);
        at += part.length;
      }
      return rows;
    },
    async dispose() {
      await opening;
      await Promise.all([all.dispose(), streams?.dispose()]);
    },
  };
}
