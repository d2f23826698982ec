/**
 * The Vision Transformer and its hybrids, with timm's parameter names.
 * @module
 */
export { type Backbone, HybridViT, type HybridViTConfig, hybridSpec } from "./hybrid.ts";
export * from "./models.ts";
export { Attention, Block, Encoder, type EncoderConfig, Mlp, ViT, type ViTConfig } from "./vit.ts";
