/** ViT-B and ViT-L at patch 16 and 32, 224 and 384 pixels; see models.ts for the sources. */
import type { ModelSpec } from "@vitrail/layers";
import * as pretrained from "./pretrained.ts";
import { at224, at384, base, large, shared } from "./table.ts";
import type { ViT, ViTConfig } from "./vit.ts";

/** ViT-B/16 at 224 pixels: 86.57 M parameters, 17.58 GMACs. */
export const vit_base_patch16_224: ModelSpec<ViTConfig, ViT, typeof pretrained.vit_base_patch16_224> = {
  name: "vit_base_patch16_224",
  config: { ...base, imgSize: 224, patchSize: 16 },
  ...shared,
  preprocess: at224,
  weights: pretrained.vit_base_patch16_224,
};

/** ViT-B/16 at 384 pixels: 86.86 M parameters, 55.54 GMACs. */
export const vit_base_patch16_384: ModelSpec<ViTConfig, ViT, typeof pretrained.vit_base_patch16_384> = {
  name: "vit_base_patch16_384",
  config: { ...base, imgSize: 384, patchSize: 16 },
  ...shared,
  preprocess: at384,
  weights: pretrained.vit_base_patch16_384,
};

/** ViT-B/32 at 224 pixels: 88.22 M parameters, 4.41 GMACs. */
export const vit_base_patch32_224: ModelSpec<ViTConfig, ViT, typeof pretrained.vit_base_patch32_224> = {
  name: "vit_base_patch32_224",
  config: { ...base, imgSize: 224, patchSize: 32 },
  ...shared,
  preprocess: at224,
  weights: pretrained.vit_base_patch32_224,
};

/** ViT-B/32 at 384 pixels: 88.30 M parameters, 13.06 GMACs. */
export const vit_base_patch32_384: ModelSpec<ViTConfig, ViT, typeof pretrained.vit_base_patch32_384> = {
  name: "vit_base_patch32_384",
  config: { ...base, imgSize: 384, patchSize: 32 },
  ...shared,
  preprocess: at384,
  weights: pretrained.vit_base_patch32_384,
};

/** ViT-L/16 at 224 pixels: 304.33 M parameters, 61.6 GMACs. */
export const vit_large_patch16_224: ModelSpec<ViTConfig, ViT, typeof pretrained.vit_large_patch16_224> = {
  name: "vit_large_patch16_224",
  config: { ...large, imgSize: 224, patchSize: 16 },
  ...shared,
  preprocess: at224,
  weights: pretrained.vit_large_patch16_224,
};

/** ViT-L/16 at 384 pixels: 304.72 M parameters, 191.21 GMACs. */
export const vit_large_patch16_384: ModelSpec<ViTConfig, ViT, typeof pretrained.vit_large_patch16_384> = {
  name: "vit_large_patch16_384",
  config: { ...large, imgSize: 384, patchSize: 16 },
  ...shared,
  preprocess: at384,
  weights: pretrained.vit_large_patch16_384,
};

/** ViT-L/32 at 224 pixels: 306.54 M parameters, 15.39 GMACs. */
export const vit_large_patch32_224: ModelSpec<ViTConfig, ViT, typeof pretrained.vit_large_patch32_224> = {
  name: "vit_large_patch32_224",
  config: { ...large, imgSize: 224, patchSize: 32 },
  ...shared,
  preprocess: at224,
  weights: pretrained.vit_large_patch32_224,
};

/** ViT-L/32 at 384 pixels: 306.63 M parameters, 45.31 GMACs. */
export const vit_large_patch32_384: ModelSpec<ViTConfig, ViT, typeof pretrained.vit_large_patch32_384> = {
  name: "vit_large_patch32_384",
  config: { ...large, imgSize: 384, patchSize: 32 },
  ...shared,
  preprocess: at384,
  weights: pretrained.vit_large_patch32_384,
};
