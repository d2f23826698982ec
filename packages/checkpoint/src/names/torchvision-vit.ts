import type { NameMap } from "./types.ts";

/** torchvision's VisionTransformer; `linear_1` and `linear_2` are what its files before 0.13 say for `0` and `3`. */
export const torchvisionVit: NameMap = {
  id: "torchvision-vit",
  title: "those of torchvision's ViT",
  prefixes: [""],
  signature: ["class_token", "conv_proj.weight", "encoder.pos_embedding"],
  rules: [
    ["class_token", "cls_token"],
    ["conv_proj.{wb}", "patch_embed.proj.{wb}"],
    ["encoder.pos_embedding", "pos_embed"],
    ["encoder.layers.encoder_layer_{i}.ln_1.{wb}", "blocks.{i}.norm1.{wb}"],
    ["encoder.layers.encoder_layer_{i}.self_attention.in_proj_{wb}", "blocks.{i}.attn.qkv.{wb}"],
    ["encoder.layers.encoder_layer_{i}.self_attention.out_proj.{wb}", "blocks.{i}.attn.proj.{wb}"],
    ["encoder.layers.encoder_layer_{i}.ln_2.{wb}", "blocks.{i}.norm2.{wb}"],
    ["encoder.layers.encoder_layer_{i}.mlp.0.{wb}", "blocks.{i}.mlp.fc1.{wb}"],
    ["encoder.layers.encoder_layer_{i}.mlp.3.{wb}", "blocks.{i}.mlp.fc2.{wb}"],
    ["encoder.layers.encoder_layer_{i}.mlp.linear_1.{wb}", "blocks.{i}.mlp.fc1.{wb}"],
    ["encoder.layers.encoder_layer_{i}.mlp.linear_2.{wb}", "blocks.{i}.mlp.fc2.{wb}"],
    ["encoder.ln.{wb}", "norm.{wb}"],
    ["heads.head.{wb}", "head.{wb}"],
  ],
};
