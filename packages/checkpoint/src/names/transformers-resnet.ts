import type { NameMap } from "./types.ts";

/** transformers' ResNetForImageClassification. https://github.com/huggingface/transformers, models/resnet */
export const transformersResnet: NameMap = {
  id: "transformers-resnet",
  title: "those of transformers' ResNet",
  prefixes: ["resnet.", ""],
  signature: ["embedder.embedder.convolution.weight", "encoder.stages.0.layers.0.layer.0.convolution.weight"],
  rules: [
    ["embedder.embedder.convolution.weight", "conv1.weight"],
    ["embedder.embedder.normalization.{bn}", "bn1.{bn}"],
    ["encoder.stages.{s}.layers.{b}.layer.{k}.convolution.weight", "layer{s+1}.{b}.conv{k+1}.weight"],
    ["encoder.stages.{s}.layers.{b}.layer.{k}.normalization.{bn}", "layer{s+1}.{b}.bn{k+1}.{bn}"],
    ["encoder.stages.{s}.layers.{b}.shortcut.convolution.weight", "layer{s+1}.{b}.downsample.0.weight"],
    ["encoder.stages.{s}.layers.{b}.shortcut.normalization.{bn}", "layer{s+1}.{b}.downsample.1.{bn}"],
    ["/classifier.1.{wb}", "fc.{wb}"],
  ],
};
