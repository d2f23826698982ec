import type { TimmFamily } from "./types.ts";

/** Under which other names people keep a classifier. One that is there beside the right one is left alone. */
const otherHeads = ["fc", "linear", "classifier", "head", "head.fc", "classifier.1", "fc.1", "heads.head"] as const;

/** The families that have timm's names, by what tells them apart. Hybrids come first: they hold a ViT. */
export const timmFamilies: readonly TimmFamily[] = [
  {
    id: "vit-hybrid",
    title: "a ResNet and ViT hybrid",
    signature: ["patch_embed.proj.weight", "blocks.0.attn.qkv.weight", "patch_embed.backbone.{any}"],
    head: "head",
    otherHeads,
  },
  {
    id: "vit",
    title: "a ViT",
    signature: [
      "patch_embed.proj.weight",
      "blocks.0.attn.qkv.weight",
      "pos_embed",
      "!blocks.0.attn.relative_position_bias_table",
    ],
    head: "head",
    otherHeads,
  },
  {
    id: "resnet",
    title: "a ResNet",
    signature: ["conv1.weight", "bn1.weight", "layer1.0.conv1.weight", "layer1.0.bn1.weight", "layer1.0.conv2.weight"],
    head: "fc",
    otherHeads,
  },
];

/** Other architectures, by a few of their names, for an error that says what a file is. */
export const otherArchitectures: readonly (readonly [title: string, signature: readonly string[]])[] = [
  ["transformers' DETR", ["class_labels_classifier.weight", "bbox_predictor.layers.0.weight"]],
  ["transformers' YOLOS", ["vit.embeddings.detection_tokens"]],
  ["transformers' CLIP", ["vision_model.embeddings.class_embedding"]],
  ["OpenAI's CLIP", ["visual.proj", "visual.conv1.weight"]],
  ["transformers' DINOv2", ["dinov2.embeddings.cls_token"]],
  ["DINOv2 (a ViT with LayerScale)", ["blocks.0.ls1.gamma", "patch_embed.proj.weight", "mask_token"]],
  ["a Swin Transformer", ["patch_embed.proj.weight", "layers.0.blocks.0.attn.relative_position_bias_table"]],
  ["transformers' Swin Transformer", ["swin.embeddings.patch_embeddings.projection.weight"]],
  ["BEiT", ["blocks.0.attn.relative_position_bias_table", "patch_embed.proj.weight"]],
  ["transformers' BEiT", ["beit.embeddings.cls_token"]],
  ["ConvNeXt", ["stem.0.weight", "stages.0.blocks.0.conv_dw.weight"]],
  ["ConvNeXt (its authors' names)", ["downsample_layers.0.0.weight", "stages.0.0.dwconv.weight"]],
  ["transformers' ConvNeXt", ["convnext.embeddings.patch_embeddings.weight"]],
  ["EfficientNet or MobileNetV3 (timm)", ["conv_stem.weight", "blocks.0.0.conv_dw.weight"]],
  ["EfficientNet or MobileNet (torchvision)", ["features.0.0.weight", "features.1.{any}"]],
  ["a ResNetV2 (BiT)", ["stem.conv.weight", "stages.0.blocks.0.conv1.weight", "head.fc.weight"]],
  ["RegNet", ["stem.conv.weight", "s1.b1.conv1.conv.weight"]],
  ["DenseNet", ["features.conv0.weight", "features.denseblock1.denselayer1.conv1.weight"]],
  ["VGG or AlexNet", ["features.0.weight", "classifier.6.weight"]],
  ["Inception or GoogLeNet", ["Mixed_5b.branch1x1.conv.weight"]],
  ["an MLP-Mixer", ["stem.proj.weight", "blocks.0.mlp_tokens.fc1.weight"]],
  ["BERT", ["bert.embeddings.word_embeddings.weight"]],
  ["a language model", ["model.embed_tokens.weight"]],
  ["a language model", ["embed_tokens.weight"]],
  ["GPT-2", ["wte.weight", "wpe.weight"]],
  ["a YOLO detector", ["model.0.conv.weight", "model.1.conv.weight"]],
  ["a diffusion UNet", ["down_blocks.0.resnets.0.conv1.weight"]],
  ["a detector of torchvision", ["rpn.head.cls_logits.weight"]],
];
