/**
 * The Vision Transformer and its hybrids, with timm's parameter names.
 * @module
 */
export { Attention, Block, Encoder, type EncoderConfig, Mlp } from "./encoder.ts";
export { type Backbone, type BackboneSpec, HybridViT, type HybridViTConfig } from "./hybrid.ts";
export { type HybridParts, hybridSpec, loadHybrid } from "./hybrid-spec.ts";
export {
  deit_base_patch16_224,
  deit_base_patch16_384,
  deit_small_patch16_224,
  deit_tiny_patch16_224,
  vit_base_patch16_224,
  vit_base_patch16_384,
  vit_base_patch32_224,
  vit_base_patch32_384,
  vit_large_patch16_224,
  vit_large_patch16_384,
  vit_large_patch32_224,
  vit_large_patch32_384,
  vit_small_patch16_224,
  vit_small_patch16_384,
  vit_small_patch32_224,
  vit_small_patch32_384,
  vit_tiny_patch16_224,
  vit_tiny_patch16_384,
  vit_tiny_patch32_224,
  vitModels,
} from "./models.ts";
export { vit_mini_r20_s4_32 } from "./models-hybrid.ts";
export { resamplePatchEmbed, resamplePosEmbed, type Size } from "./resample.ts";
export { ViT, type ViTConfig } from "./vit.ts";
