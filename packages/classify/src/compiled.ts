/** Models that are traced and run by ONNX Runtime: loaded only where one is. */
import type { Compiled, Precision } from "@vitrail/jit";
import type { ImageModel } from "@vitrail/layers";
import type { BackendReport } from "@vitrail/tensor";
import { eagerRunner } from "./eager.ts";
import type { ChosenEngine, Jit, Runner } from "./engine.ts";

/**
 * The model traced, compressed where asked, and in a session of its own. "auto" falls back to tfjs with the reason; only then is a
 * tfjs backend started.
 */
export async function compiledRunner(
  jit: Jit,
  model: ImageModel,
  [height, width]: readonly [number, number],
  choice: ChosenEngine & { readonly calibration: AsyncIterable<Float32Array> | undefined },
  startBackend: () => Promise<BackendReport>,
): Promise<Runner> {
  const { precision, calibration, ...asked } = choice;
  const options = { input: [null, height, width, 3], ...asked };
  let target: Parameters<Jit["compile"]>[0] = model;
  let compiled: Compiled;
  try {
    if (precision !== "fp32") target = await jit.quantize(model, { ...options, precision, calibration });
    compiled = await jit.compile(target, options);
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    // A model of the user's own may do what cannot be traced: as it is written it runs all the same.
    const free = asked.engine === "auto" && asked.provider === "auto" && precision === "fp32";
    if (!free || !code?.startsWith("trace-")) throw error;
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
 * kernels, and whichever decodes a photo meanwhile keeps the others waiting; sessions of a thread each do not. Photos decoded and their
 * batches of 8 computed at once, two cores, milliseconds a photo: ViT-Ti 10.4 to 8.8, its int8 7.4 to 6.5. A photo alone has all threads, as before.
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
            if (opened.streams > 1) streams = opened;
            else return opened.dispose(); // one thread in all
          },
          () => undefined, // one session answers as well
        );
      }
      if (!streams || n === 1) return all.run(values);
      const { run, streams: sessions } = streams;
      const parts = Math.min(sessions, n);
      const per = values.length / n;
      const found = await Promise.all(
        Array.from({ length: parts }, (_, i) => {
          const [from, to] = [i, i + 1].map((k) => Math.round((k * n) / parts) * per);
          return run(values.subarray(from, to));
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
