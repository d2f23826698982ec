/** Distillation: the model that a run learns from beside its labels. */
import type { ImageModel, Preprocess } from "@vitrail/layers";
import type { Features, Teacher } from "@vitrail/train";
import { openModel } from "../open-model.ts";
import { UserError } from "../user-error.ts";
import { isMixed, type Recipe } from "./recipe.ts";

/** Settings that only mean something with a teacher. */
const OF_TEACHER = [
  "kd_distill_type",
  "kd_temperature",
  "kd_precompute",
  "task_loss_weight",
  "distill_loss_weight",
] as const;

/** What a teacher needs of the run. */
export interface TeacherContext {
  /** How the student's images are made. */
  readonly student: Preprocess;
  readonly classes: readonly string[];
  readonly offline: boolean | undefined;
  /** For `kd_precompute`: the logits of a model for all training pictures, whole and as `preprocess` has them. */
  readonly answers: (model: ImageModel, preprocess: Preprocess) => Promise<Features>;
}

/**
 * Opens a recipe's teacher; undefined where it has none, or `kd_weights: none` takes it away.
 * One that takes images of another size sees the student's resized to it; with `kd_precompute` it sees the pictures themselves, once.
 * @throws UserError where it knows other classes
 */
export async function openTeacher(
  recipe: Recipe,
  { student, classes, offline, answers }: TeacherContext,
): Promise<{ readonly teacher: Teacher; dispose(): void } | undefined> {
  const { kd_model_name: model, kd_weights: weights } = recipe;
  if (weights === "none") return undefined;
  if (model === undefined && weights === undefined) {
    const alone = OF_TEACHER.find((name) => recipe[name] !== undefined);
    if (alone) throw new UserError(`${alone}: there is no teacher; name one with kd_model_name or kd_weights`);
    return undefined;
  }
  if (recipe.mode === "linear")
    throw new UserError("kd_model_name: mode linear learns from features, which no teacher sees");
  if (recipe.kd_precompute && isMixed(recipe)) {
    throw new UserError(
      "kd_precompute: the teacher sees whole pictures, mixup and cutmix mix them; leave one of them out",
    );
  }
  const opened = await openModel({ model, weights, offline });
  try {
    checkClasses(opened, classes);
  } catch (error) {
    opened.model.dispose();
    throw error;
  }
  const { model: network, preprocess } = opened;
  const { kd_distill_type, kd_temperature, task_loss_weight, distill_loss_weight } = recipe;
  const options = {
    ...(kd_distill_type === undefined ? {} : { kind: kd_distill_type }),
    ...(kd_temperature === undefined ? {} : { temperature: kd_temperature }),
    ...(task_loss_weight === undefined ? {} : { taskLossWeight: task_loss_weight }),
    ...(distill_loss_weight === undefined ? {} : { distillLossWeight: distill_loss_weight }),
  };
  if (recipe.kd_precompute) {
    try {
      return { teacher: { answers: await answers(network, preprocess), ...options }, dispose() {} };
    } finally {
      network.dispose();
    }
  }
  const { inputSize, mean, std } = preprocess;
  const [, height, width] = inputSize;
  const alike = height === student.inputSize[1] && width === student.inputSize[2];
  const seen = {
    ...(alike ? {} : { imageSize: [height, width] as const }),
    normalisation: { student: { mean: student.mean, std: student.std }, teacher: { mean, std } },
  };
  return { teacher: { model: network, ...seen, ...options }, dispose: () => network.dispose() };
}

function checkClasses(
  {
    name,
    model,
    labels,
  }: { readonly name: string; readonly model: ImageModel; readonly labels: readonly string[] | undefined },
  classes: readonly string[],
): void {
  if (model.numClasses !== classes.length) {
    throw new UserError(`the teacher ${name} knows ${model.numClasses} classes, the pictures have ${classes.length}`);
  }
  const other = labels?.findIndex((label, i) => label !== classes[i]) ?? -1;
  if (other >= 0) {
    throw new UserError(
      `the teacher ${name} has ${JSON.stringify(labels?.[other])} where the pictures have ${JSON.stringify(classes[other])}`,
    );
  }
}
