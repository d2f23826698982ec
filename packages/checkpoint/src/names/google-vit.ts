import type { NameMap, NameRule } from "./types.ts";

const stem: readonly NameRule[] = [
  ["cls", "cls_token"],
  ["embedding/kernel", "patch_embed.proj.weight", "hwio"],
  ["embedding/bias", "patch_embed.proj.bias"],
  ["Transformer/encoder_norm/scale", "norm.weight"],
  ["Transformer/encoder_norm/bias", "norm.bias"],
  ["head/kernel", "head.weight", "io"],
  ["head/bias", "head.bias"],
];

/** A block; the numbers of its parts are those of Flax' modules, which differ between Google's two code bases. */
function block(attention: number, mlp: number, secondNorm: number): readonly NameRule[] {
  const at = "Transformer/encoderblock_{i}";
  const mha = `${at}/MultiHeadDotProductAttention_${attention}`;
  const parts = (what: string): string[] => ["query", "key", "value"].map((part) => `${mha}/${part}/${what}`);
  return [
    [`${at}/LayerNorm_0/scale`, "blocks.{i}.norm1.weight"],
    [`${at}/LayerNorm_0/bias`, "blocks.{i}.norm1.bias"],
    [parts("kernel"), "blocks.{i}.attn.qkv.weight", "heads-in"],
    [parts("bias"), "blocks.{i}.attn.qkv.bias", "flat"],
    [`${mha}/out/kernel`, "blocks.{i}.attn.proj.weight", "heads-out"],
    [`${mha}/out/bias`, "blocks.{i}.attn.proj.bias"],
    [`${at}/LayerNorm_${secondNorm}/scale`, "blocks.{i}.norm2.weight"],
    [`${at}/LayerNorm_${secondNorm}/bias`, "blocks.{i}.norm2.bias"],
    [`${at}/MlpBlock_${mlp}/Dense_0/kernel`, "blocks.{i}.mlp.fc1.weight", "io"],
    [`${at}/MlpBlock_${mlp}/Dense_0/bias`, "blocks.{i}.mlp.fc1.bias"],
    [`${at}/MlpBlock_${mlp}/Dense_1/kernel`, "blocks.{i}.mlp.fc2.weight", "io"],
    [`${at}/MlpBlock_${mlp}/Dense_1/bias`, "blocks.{i}.mlp.fc2.bias"],
  ];
}

/** A convolution and its GroupNorm in the ResNet of a hybrid. */
function convolution(from: string, gn: string, to: string, norm: string): readonly NameRule[] {
  return [
    [`${from}/kernel`, `${to}.weight`, "hwio"],
    [`${gn}/scale`, `${norm}.weight`, "flat"], // [1, 1, 1, C]
    [`${gn}/bias`, `${norm}.bias`, "flat"],
  ];
}

const backbone = "patch_embed.backbone";
const stage = `${backbone}.stages.{s-1}.blocks.{b-1}`;
const unit = "block{s}/unit{b}";

/**
 * The files of https://github.com/google-research/vision_transformer (AugReg and the original paper), as timm reads them
 * (`_load_weights`). `pre_logits` is in no map: a head behind it would answer differently without it.
 */
export function googleVit(): readonly NameMap[] {
  const position: NameRule = ["Transformer/posembed_input/pos_embedding", "pos_embed"];
  const plain = [...stem, position, ...block(1, 3, 2)];
  const prefixes = ["", "opt/target/", "params/"];
  return [
    {
      id: "google-vit",
      title: "those of Google's ViT",
      prefixes,
      signature: [
        "cls",
        "embedding/kernel",
        "Transformer/encoderblock_0/MultiHeadDotProductAttention_1/query/kernel",
        "!conv_root/kernel",
      ],
      rules: plain,
    },
    {
      id: "big-vision-vit",
      title: "those of big_vision's ViT",
      prefixes: ["params/", "params/img/", ""],
      signature: [
        "embedding/kernel",
        "pos_embedding",
        "Transformer/encoderblock_0/MultiHeadDotProductAttention_0/query/kernel",
      ],
      rules: [...stem, ["pos_embedding", "pos_embed"], ...block(0, 0, 1)],
    },
    {
      id: "google-hybrid",
      title: "those of Google's ResNet and ViT hybrid",
      prefixes,
      signature: ["conv_root/kernel", "block1/unit1/conv1/kernel", "Transformer/posembed_input/pos_embedding"],
      rules: [
        ...plain,
        ...convolution("conv_root", "gn_root", `${backbone}.stem.conv`, `${backbone}.stem.norm`),
        ...[1, 2, 3].flatMap((k) =>
          convolution(`${unit}/conv${k}`, `${unit}/gn${k}`, `${stage}.conv${k}`, `${stage}.norm${k}`),
        ),
        ...convolution(`${unit}/conv_proj`, `${unit}/gn_proj`, `${stage}.downsample.conv`, `${stage}.downsample.norm`),
      ],
    },
    {
      id: "google-hybrid-stem",
      title: "those of Google's ViT on a convolution",
      prefixes,
      signature: ["conv_root/kernel", "!block1/unit1/conv1/kernel", "Transformer/posembed_input/pos_embedding"],
      rules: [...plain, ...convolution("conv_root", "gn_root", `${backbone}.conv`, `${backbone}.norm`)],
    },
  ];
}
