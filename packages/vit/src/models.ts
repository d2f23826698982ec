/**
 * The Vision Transformers of the paper (table 1) and of "How to train your ViT?", https://arxiv.org/abs/2106.10270, under
 * timm's names. Top-1 is timm's own measurement where this project has it on record, else null; parameters and GMACs are
 * this package's `summarize`, which agrees with timm.
 */
import type { ModelSpec } from "@vitrail/layers";
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
} as const satisfies Readonly<Record<string, ModelSpec<ViTConfig, ViT>>>;
