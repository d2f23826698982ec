/**
 * The Vision Transformers of the paper (table 1) and of "How to train your ViT?", https://arxiv.org/abs/2106.10270, under
 * timm's names, and DeiT's. Their checkpoints are in pretrained.ts.
 */
import type { ModelSpec } from "@vitrail/layers";
import {
  deit_base_patch16_224,
  deit_base_patch16_384,
  deit_small_patch16_224,
  deit_tiny_patch16_224,
} from "./models-deit.ts";
import {
  vit_base_patch16_224,
  vit_base_patch16_384,
  vit_base_patch32_224,
  vit_base_patch32_384,
  vit_large_patch16_224,
  vit_large_patch16_384,
  vit_large_patch32_224,
  vit_large_patch32_384,
} from "./models-large.ts";
import {
  vit_small_patch16_224,
  vit_small_patch16_384,
  vit_small_patch32_224,
  vit_small_patch32_384,
  vit_tiny_patch16_224,
  vit_tiny_patch16_384,
  vit_tiny_patch32_224,
} from "./models-small.ts";
import type { ViT, ViTConfig } from "./vit.ts";

export * from "./models-deit.ts";
export * from "./models-large.ts";
export * from "./models-small.ts";

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
  deit_tiny_patch16_224,
  deit_small_patch16_224,
  deit_base_patch16_224,
  deit_base_patch16_384,
} as const satisfies Readonly<Record<string, ModelSpec<ViTConfig, ViT>>>;
