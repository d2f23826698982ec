import { ClassifyError } from "./errors.ts";

/**
 * The class names of a model: those of its config.json; else ImageNet-1k's for 1000 classes; else `class 0`, `class 1`, …
 *
 * @param labels as the config states them
 * @param numClasses classes of the model as built
 * @param onNote told where the names are a guess
 */
export async function resolveLabels(
  labels: readonly string[] | undefined,
  numClasses: number,
  onNote: (message: string) => void,
): Promise<readonly string[]> {
  if (labels && labels.length === numClasses) return labels;
  if (labels && labels.length > 0) {
    throw new ClassifyError(
      "labels-mismatch",
      `config.json names ${labels.length} labels, the model has ${numClasses} classes: mend label_names or the weights`,
    );
  }
  if (numClasses === 1000) return (await import("./imagenet-1k-labels.ts")).imagenet1kLabels();
  onNote(`the weights name no labels: classes are called by their index, 0 to ${numClasses - 1}`);
  return Array.from({ length: numClasses }, (_, i) => `class ${i}`);
}
