/**
 * Every published checkpoint of the Vision Transformers here, DeiT's among them. Written by tooling/pretrained/generate.py from timm 1.0.29,
 * torchvision 0.28.0 and the result tables of github.com/huggingface/pytorch-image-models at aa4b5850c154; it says what is from where.
 * The first of a model is timm's default. Do not edit.
 */
import type { Preprocess, WeightsTable } from "@vitrail/layers";

const google = "Google, https://github.com/google-research/vision_transformer, converted by timm";
const timmFromGoogle = "timm, https://github.com/huggingface/pytorch-image-models, fine-tuned from Google's ImageNet-21k weights";
const deit = "Facebook AI Research, https://github.com/facebookresearch/deit";
const bicubic224x9half: Preprocess = { inputSize: [3, 224, 224], interpolation: "bicubic", cropPct: 0.9, cropMode: "center", mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };
const bicubic384x1half: Preprocess = { inputSize: [3, 384, 384], interpolation: "bicubic", cropPct: 1, cropMode: "center", mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };
const bicubic224x9: Preprocess = { inputSize: [3, 224, 224], interpolation: "bicubic", cropPct: 0.9, cropMode: "center", mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const bicubic384x1: Preprocess = { inputSize: [3, 384, 384], interpolation: "bicubic", cropPct: 1, cropMode: "center", mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** Of vit_tiny_patch16_224. */
export const vit_tiny_patch16_224: WeightsTable<"augreg_in21k_ft_in1k" | "augreg_in21k"> = {
  augreg_in21k_ft_in1k: { tag: "augreg_in21k_ft_in1k", hubId: "timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2106.10270", top1: 75.452, params: 5_717_416, gmacs: 1.26, preprocess: bicubic224x9half, numClasses: 1000 },
  augreg_in21k: { tag: "augreg_in21k", hubId: "timm/vit_tiny_patch16_224.augreg_in21k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2106.10270", top1: null, params: 9_740_115, gmacs: null, preprocess: bicubic224x9half, numClasses: 21843 },
};

/** Of vit_tiny_patch16_384. */
export const vit_tiny_patch16_384: WeightsTable<"augreg_in21k_ft_in1k"> = {
  augreg_in21k_ft_in1k: { tag: "augreg_in21k_ft_in1k", hubId: "timm/vit_tiny_patch16_384.augreg_in21k_ft_in1k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2106.10270", top1: 78.438, params: 5_790_376, gmacs: 4.7, preprocess: bicubic384x1half, numClasses: 1000 },
};

/** Of vit_small_patch16_224. */
export const vit_small_patch16_224: WeightsTable<"augreg_in21k_ft_in1k" | "augreg_in1k" | "augreg_in21k"> = {
  augreg_in21k_ft_in1k: { tag: "augreg_in21k_ft_in1k", hubId: "timm/vit_small_patch16_224.augreg_in21k_ft_in1k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2106.10270", top1: 81.402, params: 22_050_664, gmacs: 4.61, preprocess: bicubic224x9half, numClasses: 1000 },
  augreg_in1k: { tag: "augreg_in1k", hubId: "timm/vit_small_patch16_224.augreg_in1k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2106.10270", top1: 78.842, params: 22_050_664, gmacs: 4.61, preprocess: bicubic224x9half, numClasses: 1000 },
  augreg_in21k: { tag: "augreg_in21k", hubId: "timm/vit_small_patch16_224.augreg_in21k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2106.10270", top1: null, params: 30_075_219, gmacs: null, preprocess: bicubic224x9half, numClasses: 21843 },
};

/** Of vit_small_patch16_384. */
export const vit_small_patch16_384: WeightsTable<"augreg_in21k_ft_in1k" | "augreg_in1k"> = {
  augreg_in21k_ft_in1k: { tag: "augreg_in21k_ft_in1k", hubId: "timm/vit_small_patch16_384.augreg_in21k_ft_in1k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2106.10270", top1: 83.814, params: 22_196_584, gmacs: 15.52, preprocess: bicubic384x1half, numClasses: 1000 },
  augreg_in1k: { tag: "augreg_in1k", hubId: "timm/vit_small_patch16_384.augreg_in1k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2106.10270", top1: 81.13, params: 22_196_584, gmacs: 15.52, preprocess: bicubic384x1half, numClasses: 1000 },
};

/** Of vit_small_patch32_224. */
export const vit_small_patch32_224: WeightsTable<"augreg_in21k_ft_in1k" | "augreg_in21k"> = {
  augreg_in21k_ft_in1k: { tag: "augreg_in21k_ft_in1k", hubId: "timm/vit_small_patch32_224.augreg_in21k_ft_in1k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2106.10270", top1: 76.01, params: 22_878_952, gmacs: 1.15, preprocess: bicubic224x9half, numClasses: 1000 },
  augreg_in21k: { tag: "augreg_in21k", hubId: "timm/vit_small_patch32_224.augreg_in21k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2106.10270", top1: null, params: 30_903_507, gmacs: null, preprocess: bicubic224x9half, numClasses: 21843 },
};

/** Of vit_small_patch32_384. */
export const vit_small_patch32_384: WeightsTable<"augreg_in21k_ft_in1k"> = {
  augreg_in21k_ft_in1k: { tag: "augreg_in21k_ft_in1k", hubId: "timm/vit_small_patch32_384.augreg_in21k_ft_in1k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2106.10270", top1: 80.476, params: 22_915_432, gmacs: 3.45, preprocess: bicubic384x1half, numClasses: 1000 },
};

/** Of vit_base_patch16_224. */
export const vit_base_patch16_224: WeightsTable<"augreg2_in21k_ft_in1k" | "augreg_in21k_ft_in1k" | "orig_in21k_ft_in1k" | "augreg_in1k" | "orig_in21k" | "augreg_in21k" | "sam_in1k"> = {
  augreg2_in21k_ft_in1k: { tag: "augreg2_in21k_ft_in1k", hubId: "timm/vit_base_patch16_224.augreg2_in21k_ft_in1k", license: "apache-2.0", source: timmFromGoogle, paper: "https://arxiv.org/abs/2106.10270", top1: 85.108, params: 86_567_656, gmacs: 17.58, preprocess: bicubic224x9half, numClasses: 1000 },
  augreg_in21k_ft_in1k: { tag: "augreg_in21k_ft_in1k", hubId: "timm/vit_base_patch16_224.augreg_in21k_ft_in1k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2106.10270", top1: 84.534, params: 86_567_656, gmacs: 17.58, preprocess: bicubic224x9half, numClasses: 1000 },
  orig_in21k_ft_in1k: { tag: "orig_in21k_ft_in1k", hubId: "timm/vit_base_patch16_224.orig_in21k_ft_in1k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2010.11929", top1: 81.782, params: 86_567_656, gmacs: 17.58, preprocess: bicubic224x9half, numClasses: 1000 },
  augreg_in1k: { tag: "augreg_in1k", hubId: "timm/vit_base_patch16_224.augreg_in1k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2106.10270", top1: 79.154, params: 86_567_656, gmacs: 17.58, preprocess: bicubic224x9half, numClasses: 1000 },
  orig_in21k: { tag: "orig_in21k", hubId: "timm/vit_base_patch16_224.orig_in21k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2010.11929", top1: null, params: 85_798_656, gmacs: null, preprocess: bicubic224x9half, numClasses: 0 },
  augreg_in21k: { tag: "augreg_in21k", hubId: "timm/vit_base_patch16_224.augreg_in21k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2106.10270", top1: null, params: 102_595_923, gmacs: null, preprocess: bicubic224x9half, numClasses: 21843 },
  sam_in1k: { tag: "sam_in1k", hubId: "timm/vit_base_patch16_224.sam_in1k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2106.01548", top1: 80.246, params: 86_567_656, gmacs: 17.58, preprocess: bicubic224x9half, numClasses: 1000 },
};

/** Of vit_base_patch16_384. */
export const vit_base_patch16_384: WeightsTable<"augreg_in21k_ft_in1k" | "orig_in21k_ft_in1k" | "augreg_in1k"> = {
  augreg_in21k_ft_in1k: { tag: "augreg_in21k_ft_in1k", hubId: "timm/vit_base_patch16_384.augreg_in21k_ft_in1k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2106.10270", top1: 86.01, params: 86_859_496, gmacs: 55.54, preprocess: bicubic384x1half, numClasses: 1000 },
  orig_in21k_ft_in1k: { tag: "orig_in21k_ft_in1k", hubId: "timm/vit_base_patch16_384.orig_in21k_ft_in1k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2010.11929", top1: 84.212, params: 86_859_496, gmacs: 55.54, preprocess: bicubic384x1half, numClasses: 1000 },
  augreg_in1k: { tag: "augreg_in1k", hubId: "timm/vit_base_patch16_384.augreg_in1k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2106.10270", top1: 81.102, params: 86_859_496, gmacs: 55.54, preprocess: bicubic384x1half, numClasses: 1000 },
};

/** Of vit_base_patch32_224. */
export const vit_base_patch32_224: WeightsTable<"augreg_in21k_ft_in1k" | "augreg_in1k" | "orig_in21k" | "augreg_in21k" | "sam_in1k"> = {
  augreg_in21k_ft_in1k: { tag: "augreg_in21k_ft_in1k", hubId: "timm/vit_base_patch32_224.augreg_in21k_ft_in1k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2106.10270", top1: 80.732, params: 88_224_232, gmacs: 4.41, preprocess: bicubic224x9half, numClasses: 1000 },
  augreg_in1k: { tag: "augreg_in1k", hubId: "timm/vit_base_patch32_224.augreg_in1k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2106.10270", top1: 74.908, params: 88_224_232, gmacs: 4.41, preprocess: bicubic224x9half, numClasses: 1000 },
  orig_in21k: { tag: "orig_in21k", hubId: "timm/vit_base_patch32_224.orig_in21k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2010.11929", top1: null, params: 87_455_232, gmacs: null, preprocess: bicubic224x9half, numClasses: 0 },
  augreg_in21k: { tag: "augreg_in21k", hubId: "timm/vit_base_patch32_224.augreg_in21k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2106.10270", top1: null, params: 104_252_499, gmacs: null, preprocess: bicubic224x9half, numClasses: 21843 },
  sam_in1k: { tag: "sam_in1k", hubId: "timm/vit_base_patch32_224.sam_in1k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2106.01548", top1: 73.704, params: 88_224_232, gmacs: 4.41, preprocess: bicubic224x9half, numClasses: 1000 },
};

/** Of vit_base_patch32_384. */
export const vit_base_patch32_384: WeightsTable<"augreg_in21k_ft_in1k" | "augreg_in1k"> = {
  augreg_in21k_ft_in1k: { tag: "augreg_in21k_ft_in1k", hubId: "timm/vit_base_patch32_384.augreg_in21k_ft_in1k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2106.10270", top1: 83.358, params: 88_297_192, gmacs: 13.06, preprocess: bicubic384x1half, numClasses: 1000 },
  augreg_in1k: { tag: "augreg_in1k", hubId: "timm/vit_base_patch32_384.augreg_in1k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2106.10270", top1: 78.75, params: 88_297_192, gmacs: 13.06, preprocess: bicubic384x1half, numClasses: 1000 },
};

/** Of vit_large_patch16_224. */
export const vit_large_patch16_224: WeightsTable<"augreg_in21k_ft_in1k" | "orig_in21k" | "augreg_in21k"> = {
  augreg_in21k_ft_in1k: { tag: "augreg_in21k_ft_in1k", hubId: "timm/vit_large_patch16_224.augreg_in21k_ft_in1k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2106.10270", top1: 85.856, params: 304_326_632, gmacs: 61.6, preprocess: bicubic224x9half, numClasses: 1000 },
  orig_in21k: { tag: "orig_in21k", hubId: "timm/vit_large_patch16_224.orig_in21k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2010.11929", top1: null, params: 303_301_632, gmacs: null, preprocess: bicubic224x9half, numClasses: 0 },
  augreg_in21k: { tag: "augreg_in21k", hubId: "timm/vit_large_patch16_224.augreg_in21k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2106.10270", top1: null, params: 325_690_707, gmacs: null, preprocess: bicubic224x9half, numClasses: 21843 },
};

/** Of vit_large_patch16_384. */
export const vit_large_patch16_384: WeightsTable<"augreg_in21k_ft_in1k"> = {
  augreg_in21k_ft_in1k: { tag: "augreg_in21k_ft_in1k", hubId: "timm/vit_large_patch16_384.augreg_in21k_ft_in1k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2106.10270", top1: 87.096, params: 304_715_752, gmacs: 191.21, preprocess: bicubic384x1half, numClasses: 1000 },
};

/** Of vit_large_patch32_224. */
export const vit_large_patch32_224: WeightsTable<"orig_in21k"> = {
  orig_in21k: { tag: "orig_in21k", hubId: "timm/vit_large_patch32_224.orig_in21k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2010.11929", top1: null, params: 305_510_400, gmacs: 15.39, preprocess: bicubic224x9half, numClasses: 0 },
};

/** Of vit_large_patch32_384. */
export const vit_large_patch32_384: WeightsTable<"orig_in21k_ft_in1k"> = {
  orig_in21k_ft_in1k: { tag: "orig_in21k_ft_in1k", hubId: "timm/vit_large_patch32_384.orig_in21k_ft_in1k", license: "apache-2.0", source: google, paper: "https://arxiv.org/abs/2010.11929", top1: 81.508, params: 306_632_680, gmacs: 45.31, preprocess: bicubic384x1half, numClasses: 1000 },
};

/** Of deit_tiny_patch16_224. */
export const deit_tiny_patch16_224: WeightsTable<"fb_in1k"> = {
  fb_in1k: { tag: "fb_in1k", hubId: "timm/deit_tiny_patch16_224.fb_in1k", license: "apache-2.0", source: deit, paper: "https://arxiv.org/abs/2012.12877", top1: 72.19, params: 5_717_416, gmacs: 1.26, preprocess: bicubic224x9, numClasses: 1000 },
};

/** Of deit_small_patch16_224. */
export const deit_small_patch16_224: WeightsTable<"fb_in1k"> = {
  fb_in1k: { tag: "fb_in1k", hubId: "timm/deit_small_patch16_224.fb_in1k", license: "apache-2.0", source: deit, paper: "https://arxiv.org/abs/2012.12877", top1: 79.856, params: 22_050_664, gmacs: 4.61, preprocess: bicubic224x9, numClasses: 1000 },
};

/** Of deit_base_patch16_224. */
export const deit_base_patch16_224: WeightsTable<"fb_in1k"> = {
  fb_in1k: { tag: "fb_in1k", hubId: "timm/deit_base_patch16_224.fb_in1k", license: "apache-2.0", source: deit, paper: "https://arxiv.org/abs/2012.12877", top1: 81.98, params: 86_567_656, gmacs: 17.58, preprocess: bicubic224x9, numClasses: 1000 },
};

/** Of deit_base_patch16_384. */
export const deit_base_patch16_384: WeightsTable<"fb_in1k"> = {
  fb_in1k: { tag: "fb_in1k", hubId: "timm/deit_base_patch16_384.fb_in1k", license: "apache-2.0", source: deit, paper: "https://arxiv.org/abs/2012.12877", top1: 83.108, params: 86_859_496, gmacs: 55.54, preprocess: bicubic384x1, numClasses: 1000 },
};
