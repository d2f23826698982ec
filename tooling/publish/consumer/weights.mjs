// Run in a project that installed the packed packages: writes path/to/folder, a ViT-Ti/16 with random weights, for examples to open.
import { mkdirSync, writeFileSync } from "node:fs";
import { encodeSafetensors } from "@vitrail/checkpoint";
import { createModel } from "@vitrail/layers";
import { useBackend } from "@vitrail/tensor";
import { vit_tiny_patch16_224 } from "@vitrail/vit";

await useBackend("cpu");
const model = createModel(vit_tiny_patch16_224, { seed: 0 });
const { inputSize, interpolation, cropPct, cropMode, mean, std } = vit_tiny_patch16_224.preprocess;
mkdirSync("path/to/folder", { recursive: true });
writeFileSync("path/to/folder/model.safetensors", encodeSafetensors(model.params.stateDict()));
const config = {
  architecture: "vit_tiny_patch16_224",
  num_classes: model.numClasses,
  pretrained_cfg: { input_size: inputSize, interpolation, crop_pct: cropPct, crop_mode: cropMode, mean, std },
};
writeFileSync("path/to/folder/config.json", JSON.stringify(config));
