import { type Classifier, createClassifier } from "@vitrail/classify";
import { BOX_MODEL, boxFolder } from "./box.ts";
import { modelNamed, models } from "./models-table.ts";
import { didYouMean } from "./suggest.ts";
import { UserError } from "./user-error.ts";

/** Which model to open, as asked on the command line. */
export interface ModelChoice {
  readonly model?: string;
  readonly weights?: string;
  readonly backend: string;
  /** 0 prepares photos on the main thread: for a few of them that is sooner done than threads are started. */
  readonly threads?: number | undefined;
}

/** Opens the asked model, or the one in the box, and says on `onNote` what was decided. */
export async function openClassifier(choice: ModelChoice, onNote: (line: string) => void): Promise<Classifier> {
  const common = {
    backend: choice.backend as "auto", // useBackend says which names there are
    onNote,
    ...(choice.threads === undefined ? {} : { threads: choice.threads }),
  };
  const model = choice.model === undefined ? undefined : modelNamed(choice.model);
  if (choice.weights === undefined) {
    if (model && model.name !== BOX_MODEL) {
      throw new UserError(
        `--model ${model.name}: its weights are not in the box; give --weights PATH, a folder with config.json and model.safetensors` +
          `${hint(model)}`,
      );
    }
    const classifier = await createClassifier({ models, weights: boxFolder(), ...common });
    onNote(
      `The model in the box, ${classifier.name}, tells ${classifier.labels.length === 10 ? "ten" : classifier.labels.length} things apart: ` +
        `${classifier.labels.join(", ")}.`,
    );
    onNote(
      "For ImageNet's 1000 classes give the folder of an ImageNet model (config.json and model.safetensors), " +
        "e.g. --weights path/to/vit_tiny_patch16_224.augreg_in21k_ft_in1k",
    );
    return classifier;
  }
  try {
    return await createClassifier({ ...(model ? { model } : { models }), weights: choice.weights, ...common });
  } catch (error) {
    if ((error as { code?: unknown }).code === "unknown-model") {
      const { message } = error as Error;
      const named = /architecture "([^"]*)"/.exec(message)?.[1] ?? "";
      throw new UserError(
        `${message}.${didYouMean(named, Object.keys(models))} "vitrail models" lists those that can be built`,
      );
    }
    throw error;
  }
}

/** Where such weights can be had. */
function hint(model: { weights: Readonly<Record<string, { hubId: string }>> }): string {
  const [first] = Object.values(model.weights);
  return first ? ` (https://huggingface.co/${first.hubId}/tree/main has both)` : "";
}
