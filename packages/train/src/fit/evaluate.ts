/** How well a model answers. */
import { compile, type EngineOptions, type EngineReport, type Quantized } from "@vitrail/jit";
import type { Tensor, Tensor4D } from "@vitrail/tensor";
import { type ClassifierMetrics, type ClassifierReport, classifierMetrics } from "../metrics/classifier.ts";
import type { BatchSource } from "./data.ts";
import { TrainError } from "./errors.ts";

/** What was found over all images. */
export interface Evaluation extends ClassifierReport {
  readonly imagesPerSecond: number;
  /** What ran the model, and why. */
  readonly engine: EngineReport;
}

/** One image's answer. */
export interface Answered {
  /** Which image. */
  readonly index: number;
  readonly label: number;
  /** `[classes]`; valid during the call. */
  readonly logits: Float32Array;
}

/** Settings of {@link evaluate}. */
export interface EvaluateOptions extends EngineOptions {
  /** Told every image's answer, in order: for confusion matrices, calibration, the wrongest images. */
  readonly onAnswer?: (answer: Answered) => void;
  /** Told after each batch how many images are done. */
  readonly onProgress?: (images: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs the model, compiled, over all images of `data` (its epoch 0). A compressed model (`quantize` of `@vitrail/jit`) runs on ONNX
 * Runtime only.
 * @throws TrainError "bad-option" where a label is none of the model's classes, or there are no images; "not-finite" where an answer
 *   is no number
 */
export async function evaluate(
  model: { forward(x: Tensor4D): Tensor } | Quantized,
  data: BatchSource,
  { onAnswer, onProgress, signal, ...engine }: EvaluateOptions = {},
): Promise<Evaluation> {
  if (data.length === 0) throw new TrainError("bad-option", "evaluate: expected images, found none");
  const compiled = await compile(model, { ...engine, input: [null, ...data.shape] });
  let metrics: ClassifierMetrics | undefined;
  let images = 0;
  const began = performance.now();
  try {
    for await (const { images: pixels, labels, indices, size } of data.epoch(0)) {
      signal?.throwIfAborted();
      const logits = await compiled.run(pixels);
      const classes = logits.length / size;
      metrics ??= classifierMetrics({ classes });
      for (let i = 0; i < size; i++) {
        const label = labels[i] as number;
        if (label >= classes) {
          const found = `image ${indices[i]} has class ${label}`;
          throw new TrainError("bad-option", `evaluate: ${found}, the model knows ${classes} (0 to ${classes - 1})`);
        }
        const row = logits.subarray(i * classes, (i + 1) * classes);
        if (!row.every(Number.isFinite)) {
          throw new TrainError("not-finite", `the model answers image ${indices[i]} with NaN or infinity`);
        }
        onAnswer?.({ index: indices[i] as number, label, logits: row });
      }
      metrics.add(logits, labels);
      images += size;
      onProgress?.(images);
    }
  } finally {
    await compiled.dispose();
  }
  const seconds = (performance.now() - began) / 1000;
  const report = (metrics as ClassifierMetrics).report();
  return { ...report, imagesPerSecond: images / seconds, engine: compiled.report };
}
