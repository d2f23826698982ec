/** A model's answers to pictures. */
import { createLoader, type Split } from "@vitrail/data";
import { type EngineOptions, engineTitle } from "@vitrail/jit";
import type { ImageModel, Preprocess } from "@vitrail/layers";
import { evaluate } from "@vitrail/train";
import { batchFor } from "../../../cli/src/train/evaluation.ts";

export interface Answers {
  /** [images, classes] */
  readonly logits: Float32Array;
  /** [images] */
  readonly labels: readonly number[];
  readonly classes: number;
  /** What computed: "ort (cpu)". */
  readonly engine: string;
}

/** What is asked, and how its pictures are prepared. */
export interface Asked {
  readonly model: ImageModel;
  readonly preprocess: Preprocess;
  readonly engine?: Pick<EngineOptions, "engine">;
  /** Threads that prepare pictures. Default: one a core. */
  readonly threads?: number;
}

/** The logits of every picture of a split, in stored order; pictures that cannot be read are left out. */
export async function answersOf(
  { model, preprocess, engine = {}, threads }: Asked,
  split: Split,
  onProgress: (done: number) => void = () => {},
): Promise<Answers> {
  const loader = createLoader({
    split,
    transform: { kind: "eval", preprocess },
    batchSize: batchFor(preprocess.inputSize[1]),
    onBad: "skip",
    threads,
  });
  const classes = model.numClasses;
  const logits = new Float32Array(split.length * classes);
  const labels: number[] = [];
  try {
    const { engine: report } = await evaluate(model, loader, {
      ...engine,
      onAnswer(answer) {
        logits.set(answer.logits, labels.length * classes);
        labels.push(answer.label);
      },
      onProgress,
    });
    return { logits: logits.slice(0, labels.length * classes), labels, classes, engine: engineTitle(report) };
  } finally {
    await loader.dispose();
  }
}

/** The rows of logits, one a picture. */
export function rowsOf({ logits, labels, classes }: Answers): Float32Array[] {
  return labels.map((_, i) => logits.subarray(i * classes, (i + 1) * classes));
}
