/** What `vitrail train` leaves of a model: config.json and model.safetensors. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { encodeSafetensors } from "@vitrail/checkpoint";
import { createModel, type ImageModel, type ModelSpec, withModelArgs } from "@vitrail/layers";
import { useBackend } from "@vitrail/tensor";

/** Writes an untrained model of small sizes as a run would, beside files that a run has too. */
export async function runFolder<C, M extends ImageModel>(
  folder: string,
  spec: ModelSpec<C, M>,
  labels: readonly string[],
  { size, ...modelArgs }: { readonly size: number } & Readonly<Record<string, unknown>>,
): Promise<string> {
  await useBackend("cpu");
  const model = createModel(withModelArgs(spec, modelArgs), { seed: 11, numClasses: labels.length });
  const { interpolation, mean, std } = spec.preprocess;
  const config = {
    architecture: spec.name,
    num_classes: labels.length,
    label_names: labels,
    model_args: modelArgs,
    pretrained_cfg: { input_size: [3, size, size], interpolation, crop_pct: 1, crop_mode: "center", mean, std },
  };
  const weights = encodeSafetensors(model.params.stateDict(), { metadata: { format: "pt" } });
  model.dispose();
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
  await writeFile(join(folder, "model.safetensors"), weights);
  await writeFile(join(folder, "last.safetensors"), weights);
  await writeFile(join(folder, "environment.json"), "[{}]");
  return folder;
}
