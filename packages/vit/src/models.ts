/**
 * The Vision Transformers of the paper (table 1) and of "How to train your ViT?", https://arxiv.org/abs/2106.10270, under
 * timm's names. Top-1 is timm's own measurement where this project has it on record, else null; parameters and GMACs are
 * this package's `summarize`, which agrees with timm.
 */
import type { ModelSpec, ParamStore, Preprocess } from "@vitrail/layers";
import { ViT, type ViTConfig } from "./vit.ts";

const build = (params: ParamStore, config: ViTConfig): ViT => new ViT(params, config);
const withClasses = (config: ViTConfig, numClasses: number): ViTConfig => ({ ...config, numClasses });

const tiny = { embedDim: 192, depth: 12, numHeads: 3, mlpRatio: 4, numClasses: 1000 } as const;
const small = { embedDim: 384, depth: 12, numHeads: 6, mlpRatio: 4, numClasses: 1000 } as const;
const base = { embedDim: 768, depth: 12, numHeads: 12, mlpRatio: 4, numClasses: 1000 } as const;
const large = { embedDim: 1024, depth: 24, numHeads: 16, mlpRatio: 4, numClasses: 1000 } as const;

/** Mean and deviation of 0.5, unlike ImageNet's: with those the same weights lose some 30 points. */
const half = { interpolation: "bicubic", cropMode: "center", mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } as const;
const at224: Preprocess = { ...half, inputSize: [3, 224, 224], cropPct: 0.9 };
const at384: Preprocess = { ...half, inputSize: [3, 384, 384], cropPct: 1 };

const google = "Google, https://github.com/google-research/vision_transformer, converted by timm";
const augreg = {
  license: "apache-2.0",
  source: google,
  paper: "https://arxiv.org/abs/2106.10270",
  numClasses: 1000,
} as const;
const orig = {
  license: "apache-2.0",
  source: google,
  paper: "https://arxiv.org/abs/2010.11929",
  numClasses: 1000,
} as const;
const sam = {
  license: "apache-2.0",
  source: google,
  paper: "https://arxiv.org/abs/2106.01548",
  numClasses: 1000,
} as const;
const augreg2 = {
  ...augreg,
  source: "timm, https://github.com/huggingface/pytorch-image-models, fine-tuned from Google's ImageNet-21k weights",
} as const;

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

/** Every Vision Transformer here, by its name. */
export const vitModels = {
  vit_tiny_patch16_224,
  vit_tiny_patch16_384,
  vit_tiny_patch32_224,
  vit_small_patch16_224,
  vit_small_patch16_384,
  vit_small_patch32_224,
  vit_small_patch32_384,
  vit_base_patch16_224,
  vit_base_patch16_384,
  vit_base_patch32_224,
  vit_base_patch32_384,
  vit_large_patch16_224,
  vit_large_patch16_384,
  vit_large_patch32_224,
  vit_large_patch32_384,
} as const satisfies Readonly<Record<string, ModelSpec<ViTConfig, ViT>>>;
