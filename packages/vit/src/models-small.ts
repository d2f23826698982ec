/** ViT-Ti and ViT-S at patch 16 and 32, 224 and 384 pixels; see models.ts for the sources. */
import type { ModelSpec, WeightsTable } from "@vitrail/layers";
import * as pretrained from "./pretrained.ts";
import { at224, at384, shared, small, tiny } from "./table.ts";
import type { ViT, ViTConfig } from "./vit.ts";

/** ViT-Ti/16 at 224 pixels: 5.72 M parameters, 1.26 GMACs. */
export const vit_tiny_patch16_224: ModelSpec<ViTConfig, ViT, typeof pretrained.vit_tiny_patch16_224> = {
  name: "vit_tiny_patch16_224",
  config: { ...tiny, imgSize: 224, patchSize: 16 },
  ...shared,
  preprocess: at224,
  weights: pretrained.vit_tiny_patch16_224,
};

/** ViT-Ti/16 at 384 pixels: 5.79 M parameters, 4.7 GMACs. */
export const vit_tiny_patch16_384: ModelSpec<ViTConfig, ViT, typeof pretrained.vit_tiny_patch16_384> = {
  name: "vit_tiny_patch16_384",
  config: { ...tiny, imgSize: 384, patchSize: 16 },
  ...shared,
  preprocess: at384,
  weights: pretrained.vit_tiny_patch16_384,
};

/** ViT-Ti/32 at 224 pixels: 6.13 M parameters, 0.31 GMACs. */
export const vit_tiny_patch32_224: ModelSpec<ViTConfig, ViT, WeightsTable<never>> = {
  name: "vit_tiny_patch32_224",
  config: { ...tiny, imgSize: 224, patchSize: 32 },
  ...shared,
  preprocess: at224,
  weights: {},
};

/** ViT-S/16 at 224 pixels: 22.05 M parameters, 4.61 GMACs. */
export const vit_small_patch16_224: ModelSpec<ViTConfig, ViT, typeof pretrained.vit_small_patch16_224> = {
  name: "vit_small_patch16_224",
  config: { ...small, imgSize: 224, patchSize: 16 },
  ...shared,
  preprocess: at224,
  weights: pretrained.vit_small_patch16_224,
};

/** ViT-S/16 at 384 pixels: 22.20 M parameters, 15.52 GMACs. */
export const vit_small_patch16_384: ModelSpec<ViTConfig, ViT, typeof pretrained.vit_small_patch16_384> = {
  name: "vit_small_patch16_384",
  config: { ...small, imgSize: 384, patchSize: 16 },
  ...shared,
  preprocess: at384,
  weights: pretrained.vit_small_patch16_384,
};

/** ViT-S/32 at 224 pixels: 22.88 M parameters, 1.15 GMACs. */
export const vit_small_patch32_224: ModelSpec<ViTConfig, ViT, typeof pretrained.vit_small_patch32_224> = {
  name: "vit_small_patch32_224",
  config: { ...small, imgSize: 224, patchSize: 32 },
  ...shared,
  preprocess: at224,
  weights: pretrained.vit_small_patch32_224,
};

/** ViT-S/32 at 384 pixels: 22.92 M parameters, 3.45 GMACs. */
export const vit_small_patch32_384: ModelSpec<ViTConfig, ViT, typeof pretrained.vit_small_patch32_384> = {
  name: "vit_small_patch32_384",
  config: { ...small, imgSize: 384, patchSize: 32 },
  ...shared,
  preprocess: at384,
  weights: pretrained.vit_small_patch32_384,
};
