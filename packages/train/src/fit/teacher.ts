/** What a teacher says of the batches that a student learns from. */
import { type Compiled, compile, type EngineOptions } from "@vitrail/jit";
import { resizeBilinear, type Tensor4D } from "@vitrail/tensor";
import type { Batch, BatchSource } from "./data.ts";
import { TrainError } from "./errors.ts";
import { rowsAt } from "./features.ts";
import type { AskedTeacher, HeardTeacher, Teacher } from "./options.ts";

export interface TeacherRunner {
  /** Length of an answer. */
  readonly classes: number;
  /** [size, classes] logits for a batch as the student sees it. */
  logits(batch: Batch): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/**
 * Readies a teacher for batches of the student's data.
 * @throws TrainError "bad-option" where its answers are of other images
 */
export async function openTeacher(
  teacher: Teacher,
  source: BatchSource,
  engine: EngineOptions,
): Promise<TeacherRunner> {
  return "answers" in teacher ? heard(teacher, source) : asked(teacher, source, engine);
}

function heard({ answers }: HeardTeacher, source: BatchSource): TeacherRunner {
  const { length, values } = answers;
  if (values.length !== source.length * length) {
    throw new TrainError(
      "bad-option",
      `expected a teacher's answers to ${source.length} images, found ${values.length / length}`,
    );
  }
  if (source.targetClasses !== undefined) {
    throw new TrainError("bad-option", "a teacher's answers are to whole images, Mixup and CutMix mix them");
  }
  return {
    classes: length,
    logits: async ({ indices }) => rowsAt(answers, indices),
    async dispose() {},
  };
}

/** Compiles the teacher. */
async function asked(
  { model, imageSize, normalisation }: AskedTeacher,
  { batchSize, shape }: BatchSource,
  engine: EngineOptions,
): Promise<TeacherRunner> {
  const look = imageSize ? { forward: (images: Tensor4D) => model.forward(resizeBilinear(images, imageSize)) } : model;
  const compiled: Compiled = await compile(look, { ...engine, input: [batchSize, ...shape] });
  const convert = normalisation ? renormaliser(normalisation) : undefined;
  const seen = convert ? new Float32Array(batchSize * shape.reduce((a, b) => a * b)) : undefined;
  const seenBy = (images: Float32Array) => (convert && seen ? convert(images, seen) : images);
  try {
    const classes =
      (await compiled.run(new Float32Array(batchSize * shape.reduce((a, b) => a * b)))).length / batchSize;
    return { classes, logits: ({ images }) => compiled.run(seenBy(images)), dispose: () => compiled.dispose() };
  } catch (error) {
    await compiled.dispose();
    throw error;
  }
}

/** From one mean and deviation to another: a factor and a sum for each channel. */
function renormaliser({ student, teacher }: NonNullable<AskedTeacher["normalisation"]>) {
  const channels = student.mean.length;
  const at = (values: readonly number[], c: number) => values[c] as number;
  const scale = student.mean.map((_, c) => at(student.std, c) / at(teacher.std, c));
  const shift = student.mean.map((mean, c) => (mean - at(teacher.mean, c)) / at(teacher.std, c));
  return (images: Float32Array, out: Float32Array): Float32Array => {
    for (let i = 0; i < images.length; i++) {
      const c = i % channels;
      out[i] = (images[i] as number) * (scale[c] as number) + (shift[c] as number);
    }
    return out;
  };
}
