import type { ImageModel } from "@vitrail/layers";
import type { Trainee } from "./trainee.ts";

/** timm's config.json of a trained model: what another program must know to use its weights. */
export function configJson(
  { spec, modelArgs, preprocess }: Trainee,
  model: ImageModel & { readonly config?: unknown },
  classes: readonly string[],
  tag: string,
): Record<string, unknown> {
  const { inputSize, interpolation, cropPct, cropMode, mean, std } = preprocess;
  return {
    architecture: spec.name,
    num_classes: classes.length,
    num_features: model.numFeatures,
    label_names: classes,
    ...(Object.keys(modelArgs).length > 0 ? { model_args: modelArgs } : {}),
    pretrained_cfg: {
      tag,
      input_size: inputSize,
      fixed_input_size: "imgSize" in (spec.config as object),
      interpolation,
      crop_pct: cropPct,
      crop_mode: cropMode,
      mean,
      std,
      num_classes: classes.length,
      classifier: spec.head,
    },
  };
}
