/** ViT-B and ViT-L at patch 16 and 32, 224 and 384 pixels; see models.ts for the sources. */
import type { ModelSpec } from "@vitrail/layers";
import { at224, at384, augreg, augreg2, base, build, large, orig, sam, withClasses } from "./table.ts";
import type { ViT, ViTConfig } from "./vit.ts";

/** ViT-B/16 at 224 pixels: 86.57 M parameters, 17.58 GMACs. */
export const vit_base_patch16_224: ModelSpec<ViTConfig, ViT> = {
  name: "vit_base_patch16_224",
  config: { ...base, imgSize: 224, patchSize: 16 },
  build,
  head: "head",
  preprocess: at224,
  weights: {
    augreg2_in21k_ft_in1k: {
      ...augreg2,
      tag: "augreg2_in21k_ft_in1k",
      hubId: "timm/vit_base_patch16_224.augreg2_in21k_ft_in1k",
      top1: 85.11,
      params: 86_567_656,
      gmacs: 17.58,
      preprocess: at224,
    },
    augreg_in21k_ft_in1k: {
      ...augreg,
      tag: "augreg_in21k_ft_in1k",
      hubId: "timm/vit_base_patch16_224.augreg_in21k_ft_in1k",
      top1: 84.53,
      params: 86_567_656,
      gmacs: 17.58,
      preprocess: at224,
    },
    orig_in21k_ft_in1k: {
      ...orig,
      tag: "orig_in21k_ft_in1k",
      hubId: "timm/vit_base_patch16_224.orig_in21k_ft_in1k",
      top1: 81.78,
      params: 86_567_656,
      gmacs: 17.58,
      preprocess: at224,
    },
    augreg_in1k: {
      ...augreg,
      tag: "augreg_in1k",
      hubId: "timm/vit_base_patch16_224.augreg_in1k",
      top1: null,
      params: 86_567_656,
      gmacs: 17.58,
      preprocess: at224,
    },
    sam_in1k: {
      ...sam,
      tag: "sam_in1k",
      hubId: "timm/vit_base_patch16_224.sam_in1k",
      top1: null,
      params: 86_567_656,
      gmacs: 17.58,
      preprocess: at224,
    },
  },
  withClasses,
};

/** ViT-B/16 at 384 pixels: 86.86 M parameters, 55.54 GMACs. */
export const vit_base_patch16_384: ModelSpec<ViTConfig, ViT> = {
  name: "vit_base_patch16_384",
  config: { ...base, imgSize: 384, patchSize: 16 },
  build,
  head: "head",
  preprocess: at384,
  weights: {
    augreg_in21k_ft_in1k: {
      ...augreg,
      tag: "augreg_in21k_ft_in1k",
      hubId: "timm/vit_base_patch16_384.augreg_in21k_ft_in1k",
      top1: 86.01,
      params: 86_859_496,
      gmacs: 55.54,
      preprocess: at384,
    },
    orig_in21k_ft_in1k: {
      ...orig,
      tag: "orig_in21k_ft_in1k",
      hubId: "timm/vit_base_patch16_384.orig_in21k_ft_in1k",
      top1: null,
      params: 86_859_496,
      gmacs: 55.54,
      preprocess: at384,
    },
    augreg_in1k: {
      ...augreg,
      tag: "augreg_in1k",
      hubId: "timm/vit_base_patch16_384.augreg_in1k",
      top1: null,
      params: 86_859_496,
      gmacs: 55.54,
      preprocess: at384,
    },
  },
  withClasses,
};

/** ViT-B/32 at 224 pixels: 88.22 M parameters, 4.41 GMACs. */
export const vit_base_patch32_224: ModelSpec<ViTConfig, ViT> = {
  name: "vit_base_patch32_224",
  config: { ...base, imgSize: 224, patchSize: 32 },
  build,
  head: "head",
  preprocess: at224,
  weights: {
    augreg_in21k_ft_in1k: {
      ...augreg,
      tag: "augreg_in21k_ft_in1k",
      hubId: "timm/vit_base_patch32_224.augreg_in21k_ft_in1k",
      top1: 80.73,
      params: 88_224_232,
      gmacs: 4.41,
      preprocess: at224,
    },
    augreg_in1k: {
      ...augreg,
      tag: "augreg_in1k",
      hubId: "timm/vit_base_patch32_224.augreg_in1k",
      top1: null,
      params: 88_224_232,
      gmacs: 4.41,
      preprocess: at224,
    },
    sam_in1k: {
      ...sam,
      tag: "sam_in1k",
      hubId: "timm/vit_base_patch32_224.sam_in1k",
      top1: null,
      params: 88_224_232,
      gmacs: 4.41,
      preprocess: at224,
    },
  },
  withClasses,
};

/** ViT-B/32 at 384 pixels: 88.30 M parameters, 13.06 GMACs. */
export const vit_base_patch32_384: ModelSpec<ViTConfig, ViT> = {
  name: "vit_base_patch32_384",
  config: { ...base, imgSize: 384, patchSize: 32 },
  build,
  head: "head",
  preprocess: at384,
  weights: {
    augreg_in21k_ft_in1k: {
      ...augreg,
      tag: "augreg_in21k_ft_in1k",
      hubId: "timm/vit_base_patch32_384.augreg_in21k_ft_in1k",
      top1: null,
      params: 88_297_192,
      gmacs: 13.06,
      preprocess: at384,
    },
    augreg_in1k: {
      ...augreg,
      tag: "augreg_in1k",
      hubId: "timm/vit_base_patch32_384.augreg_in1k",
      top1: null,
      params: 88_297_192,
      gmacs: 13.06,
      preprocess: at384,
    },
  },
  withClasses,
};

/** ViT-L/16 at 224 pixels: 304.33 M parameters, 61.6 GMACs. */
export const vit_large_patch16_224: ModelSpec<ViTConfig, ViT> = {
  name: "vit_large_patch16_224",
  config: { ...large, imgSize: 224, patchSize: 16 },
  build,
  head: "head",
  preprocess: at224,
  weights: {
    augreg_in21k_ft_in1k: {
      ...augreg,
      tag: "augreg_in21k_ft_in1k",
      hubId: "timm/vit_large_patch16_224.augreg_in21k_ft_in1k",
      top1: 85.86,
      params: 304_326_632,
      gmacs: 61.6,
      preprocess: at224,
    },
  },
  withClasses,
};

/** ViT-L/16 at 384 pixels: 304.72 M parameters, 191.21 GMACs. */
export const vit_large_patch16_384: ModelSpec<ViTConfig, ViT> = {
  name: "vit_large_patch16_384",
  config: { ...large, imgSize: 384, patchSize: 16 },
  build,
  head: "head",
  preprocess: at384,
  weights: {
    augreg_in21k_ft_in1k: {
      ...augreg,
      tag: "augreg_in21k_ft_in1k",
      hubId: "timm/vit_large_patch16_384.augreg_in21k_ft_in1k",
      top1: 87.1,
      params: 304_715_752,
      gmacs: 191.21,
      preprocess: at384,
    },
  },
  withClasses,
};

/** ViT-L/32 at 224 pixels: 306.54 M parameters, 15.39 GMACs. */
export const vit_large_patch32_224: ModelSpec<ViTConfig, ViT> = {
  name: "vit_large_patch32_224",
  config: { ...large, imgSize: 224, patchSize: 32 },
  build,
  head: "head",
  preprocess: at224,
  weights: {},
  withClasses,
};

/** ViT-L/32 at 384 pixels: 306.63 M parameters, 45.31 GMACs. */
export const vit_large_patch32_384: ModelSpec<ViTConfig, ViT> = {
  name: "vit_large_patch32_384",
  config: { ...large, imgSize: 384, patchSize: 32 },
  build,
  head: "head",
  preprocess: at384,
  weights: {
    orig_in21k_ft_in1k: {
      ...orig,
      tag: "orig_in21k_ft_in1k",
      hubId: "timm/vit_large_patch32_384.orig_in21k_ft_in1k",
      top1: null,
      params: 306_632_680,
      gmacs: 45.31,
      preprocess: at384,
    },
  },
  withClasses,
};
