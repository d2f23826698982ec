/** What the entries of the table of models have in common. */
import type { ParamStore, Preprocess } from "@vitrail/layers";
import { ViT, type ViTConfig } from "./vit.ts";

export const build = (params: ParamStore, config: ViTConfig): ViT => new ViT(params, config);
export const withClasses = (config: ViTConfig, numClasses: number): ViTConfig => ({ ...config, numClasses });

export const tiny = { embedDim: 192, depth: 12, numHeads: 3, mlpRatio: 4, numClasses: 1000 } as const;
export const small = { embedDim: 384, depth: 12, numHeads: 6, mlpRatio: 4, numClasses: 1000 } as const;
export const base = { embedDim: 768, depth: 12, numHeads: 12, mlpRatio: 4, numClasses: 1000 } as const;
export const large = { embedDim: 1024, depth: 24, numHeads: 16, mlpRatio: 4, numClasses: 1000 } as const;

/** Mean and deviation of 0.5, unlike ImageNet's: with those the same weights lose some 30 points. */
const half = { interpolation: "bicubic", cropMode: "center", mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } as const;
export const at224: Preprocess = { ...half, inputSize: [3, 224, 224], cropPct: 0.9 };
export const at384: Preprocess = { ...half, inputSize: [3, 384, 384], cropPct: 1 };

const google = "Google, https://github.com/google-research/vision_transformer, converted by timm";
export const augreg = {
  license: "apache-2.0",
  source: google,
  paper: "https://arxiv.org/abs/2106.10270",
  numClasses: 1000,
} as const;
export const orig = {
  license: "apache-2.0",
  source: google,
  paper: "https://arxiv.org/abs/2010.11929",
  numClasses: 1000,
} as const;
export const sam = {
  license: "apache-2.0",
  source: google,
  paper: "https://arxiv.org/abs/2106.01548",
  numClasses: 1000,
} as const;
export const augreg2 = {
  ...augreg,
  source: "timm, https://github.com/huggingface/pytorch-image-models, fine-tuned from Google's ImageNet-21k weights",
} as const;
