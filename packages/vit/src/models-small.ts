/** ViT-Ti and ViT-S at patch 16 and 32, 224 and 384 pixels; see models.ts for the sources. */
import type { ModelSpec } from "@vitrail/layers";
import { at224, at384, augreg, build, small, tiny, withClasses } from "./table.ts";
import type { ViT, ViTConfig } from "./vit.ts";

/** ViT-Ti/16 at 224 pixels: 5.72 M parameters, 1.26 GMACs. */
export const vit_tiny_patch16_224: ModelSpec<ViTConfig, ViT> = {
  name: "vit_tiny_patch16_224",
  config: { ...tiny, imgSize: 224, patchSize: 16 },
  build,
  head: "head",
  preprocess: at224,
  weights: {
    augreg_in21k_ft_in1k: {
      ...augreg,
      tag: "augreg_in21k_ft_in1k",
      hubId: "timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k",
      top1: 75.45,
      params: 5_717_416,
      gmacs: 1.26,
      preprocess: at224,
    },
  },
  withClasses,
};

/** ViT-Ti/16 at 384 pixels: 5.79 M parameters, 4.7 GMACs. */
export const vit_tiny_patch16_384: ModelSpec<ViTConfig, ViT> = {
  name: "vit_tiny_patch16_384",
  config: { ...tiny, imgSize: 384, patchSize: 16 },
  build,
  head: "head",
  preprocess: at384,
  weights: {
    augreg_in21k_ft_in1k: {
      ...augreg,
      tag: "augreg_in21k_ft_in1k",
      hubId: "timm/vit_tiny_patch16_384.augreg_in21k_ft_in1k",
      top1: null,
      params: 5_790_376,
      gmacs: 4.7,
      preprocess: at384,
    },
  },
  withClasses,
};

/** ViT-Ti/32 at 224 pixels: 6.13 M parameters, 0.31 GMACs. */
export const vit_tiny_patch32_224: ModelSpec<ViTConfig, ViT> = {
  name: "vit_tiny_patch32_224",
  config: { ...tiny, imgSize: 224, patchSize: 32 },
  build,
  head: "head",
  preprocess: at224,
  weights: {},
  withClasses,
};

/** ViT-S/16 at 224 pixels: 22.05 M parameters, 4.61 GMACs. */
export const vit_small_patch16_224: ModelSpec<ViTConfig, ViT> = {
  name: "vit_small_patch16_224",
  config: { ...small, imgSize: 224, patchSize: 16 },
  build,
  head: "head",
  preprocess: at224,
  weights: {
    augreg_in21k_ft_in1k: {
      ...augreg,
      tag: "augreg_in21k_ft_in1k",
      hubId: "timm/vit_small_patch16_224.augreg_in21k_ft_in1k",
      top1: 81.4,
      params: 22_050_664,
      gmacs: 4.61,
      preprocess: at224,
    },
    augreg_in1k: {
      ...augreg,
      tag: "augreg_in1k",
      hubId: "timm/vit_small_patch16_224.augreg_in1k",
      top1: null,
      params: 22_050_664,
      gmacs: 4.61,
      preprocess: at224,
    },
  },
  withClasses,
};

/** ViT-S/16 at 384 pixels: 22.20 M parameters, 15.52 GMACs. */
export const vit_small_patch16_384: ModelSpec<ViTConfig, ViT> = {
  name: "vit_small_patch16_384",
  config: { ...small, imgSize: 384, patchSize: 16 },
  build,
  head: "head",
  preprocess: at384,
  weights: {
    augreg_in21k_ft_in1k: {
      ...augreg,
      tag: "augreg_in21k_ft_in1k",
      hubId: "timm/vit_small_patch16_384.augreg_in21k_ft_in1k",
      top1: null,
      params: 22_196_584,
      gmacs: 15.52,
      preprocess: at384,
    },
    augreg_in1k: {
      ...augreg,
      tag: "augreg_in1k",
      hubId: "timm/vit_small_patch16_384.augreg_in1k",
      top1: null,
      params: 22_196_584,
      gmacs: 15.52,
      preprocess: at384,
    },
  },
  withClasses,
};

/** ViT-S/32 at 224 pixels: 22.88 M parameters, 1.15 GMACs. */
export const vit_small_patch32_224: ModelSpec<ViTConfig, ViT> = {
  name: "vit_small_patch32_224",
  config: { ...small, imgSize: 224, patchSize: 32 },
  build,
  head: "head",
  preprocess: at224,
  weights: {
    augreg_in21k_ft_in1k: {
      ...augreg,
      tag: "augreg_in21k_ft_in1k",
      hubId: "timm/vit_small_patch32_224.augreg_in21k_ft_in1k",
      top1: 76.01,
      params: 22_878_952,
      gmacs: 1.15,
      preprocess: at224,
    },
  },
  withClasses,
};

/** ViT-S/32 at 384 pixels: 22.92 M parameters, 3.45 GMACs. */
export const vit_small_patch32_384: ModelSpec<ViTConfig, ViT> = {
  name: "vit_small_patch32_384",
  config: { ...small, imgSize: 384, patchSize: 32 },
  build,
  head: "head",
  preprocess: at384,
  weights: {
    augreg_in21k_ft_in1k: {
      ...augreg,
      tag: "augreg_in21k_ft_in1k",
      hubId: "timm/vit_small_patch32_384.augreg_in21k_ft_in1k",
      top1: null,
      params: 22_915_432,
      gmacs: 3.45,
      preprocess: at384,
    },
  },
  withClasses,
};
