/** DeiT without its distillation token (https://arxiv.org/abs/2012.12877): the Vision Transformer, trained on ImageNet-1k alone. */
import type { ModelSpec } from "@vitrail/layers";
import * as pretrained from "./pretrained.ts";
import { base, deit224, deit384, shared, small, tiny } from "./table.ts";
import type { ViT, ViTConfig } from "./vit.ts";

/** DeiT-Ti at 224 pixels: 5.72 M parameters, 1.26 GMACs. */
export const deit_tiny_patch16_224: ModelSpec<ViTConfig, ViT, typeof pretrained.deit_tiny_patch16_224> = {
  name: "deit_tiny_patch16_224",
  config: { ...tiny, imgSize: 224, patchSize: 16 },
  ...shared,
  preprocess: deit224,
  weights: pretrained.deit_tiny_patch16_224,
};

/** DeiT-S at 224 pixels: 22.05 M parameters, 4.61 GMACs. */
export const deit_small_patch16_224: ModelSpec<ViTConfig, ViT, typeof pretrained.deit_small_patch16_224> = {
  name: "deit_small_patch16_224",
  config: { ...small, imgSize: 224, patchSize: 16 },
  ...shared,
  preprocess: deit224,
  weights: pretrained.deit_small_patch16_224,
};

/** DeiT-B at 224 pixels: 86.57 M parameters, 17.58 GMACs. */
export const deit_base_patch16_224: ModelSpec<ViTConfig, ViT, typeof pretrained.deit_base_patch16_224> = {
  name: "deit_base_patch16_224",
  config: { ...base, imgSize: 224, patchSize: 16 },
  ...shared,
  preprocess: deit224,
  weights: pretrained.deit_base_patch16_224,
};

/** DeiT-B at 384 pixels: 86.86 M parameters, 55.54 GMACs. */
export const deit_base_patch16_384: ModelSpec<ViTConfig, ViT, typeof pretrained.deit_base_patch16_384> = {
  name: "deit_base_patch16_384",
  config: { ...base, imgSize: 384, patchSize: 16 },
  ...shared,
  preprocess: deit384,
  weights: pretrained.deit_base_patch16_384,
};
