import type { NameMap, NameRule } from "./types.ts";

const tokens: readonly NameRule[] = [
  ["embeddings.cls_token", "cls_token"],
  ["embeddings.distillation_token", "dist_token"],
  ["embeddings.position_embeddings", "pos_embed"],
  ["embeddings.patch_embeddings.projection.{wb}", "patch_embed.proj.{wb}"],
  ["layernorm.{wb}", "norm.{wb}"],
  ["pooler.dense.{wb}", undefined], // of the model without a classifier; the classifier never sees it
];

/** The blocks, which ViT and DeiT share. https://github.com/huggingface/transformers, models/vit/modeling_vit.py */
const blocks: readonly NameRule[] = [
  ["encoder.layer.{i}.layernorm_before.{wb}", "blocks.{i}.norm1.{wb}"],
  [
    [
      "encoder.layer.{i}.attention.attention.query.{wb}",
      "encoder.layer.{i}.attention.attention.key.{wb}",
      "encoder.layer.{i}.attention.attention.value.{wb}",
    ],
    "blocks.{i}.attn.qkv.{wb}",
  ],
  ["encoder.layer.{i}.attention.output.dense.{wb}", "blocks.{i}.attn.proj.{wb}"],
  ["encoder.layer.{i}.layernorm_after.{wb}", "blocks.{i}.norm2.{wb}"],
  ["encoder.layer.{i}.intermediate.dense.{wb}", "blocks.{i}.mlp.fc1.{wb}"],
  ["encoder.layer.{i}.output.dense.{wb}", "blocks.{i}.mlp.fc2.{wb}"],
];

/** transformers 5 names its modules anew. `save_pretrained` still writes the old names, `torch.save(model.state_dict())` these. */
const blocksOf5: readonly NameRule[] = [
  ["layers.{i}.layernorm_before.{wb}", "blocks.{i}.norm1.{wb}"],
  [
    ["layers.{i}.attention.q_proj.{wb}", "layers.{i}.attention.k_proj.{wb}", "layers.{i}.attention.v_proj.{wb}"],
    "blocks.{i}.attn.qkv.{wb}",
  ],
  ["layers.{i}.attention.o_proj.{wb}", "blocks.{i}.attn.proj.{wb}"],
  ["layers.{i}.layernorm_after.{wb}", "blocks.{i}.norm2.{wb}"],
  ["layers.{i}.mlp.fc1.{wb}", "blocks.{i}.mlp.fc1.{wb}"],
  ["layers.{i}.mlp.fc2.{wb}", "blocks.{i}.mlp.fc2.{wb}"],
];

/** ViTForImageClassification; DeiTForImageClassification has this head too. */
const head: readonly NameRule[] = [["/classifier.{wb}", "head.{wb}"]];
/** DeiTForImageClassificationWithTeacher */
const heads: readonly NameRule[] = [
  ["/cls_classifier.{wb}", "head.{wb}"],
  ["/distillation_classifier.{wb}", "head_dist.{wb}"],
];

const query = "encoder.layer.0.attention.attention.query.weight";
const queryOf5 = "layers.0.attention.q_proj.weight";

/** transformers' ViT and DeiT. Their LayerNorm has eps 1e-12, timm's 1e-6: logits differ by less than 1e-5. */
export function transformersVit(): readonly NameMap[] {
  const deit = { title: "those of transformers' DeiT", prefixes: ["deit.", ""] };
  const vit = { title: "those of transformers' ViT", prefixes: ["vit.", ""] };
  const distilled = ["embeddings.distillation_token"];
  // BEiT, DINOv2 and YOLOS, without the names that they begin with, look like a ViT but for these:
  const others = ["encoder.layer.0.lambda_1", "encoder.layer.0.layer_scale1.lambda1", "embeddings.detection_tokens"];
  const plain = ["embeddings.cls_token", "embeddings.position_embeddings", ...others.map((name) => `!${name}`)];
  return [
    {
      ...deit,
      id: "transformers-deit",
      signature: [...distilled, query],
      rules: [...tokens, ...blocks, ...head, ...heads],
    },
    {
      ...deit,
      id: "transformers-5-deit",
      signature: [...distilled, queryOf5],
      rules: [...tokens, ...blocksOf5, ...head, ...heads],
    },
    { ...vit, id: "transformers-vit", signature: [...plain, query], rules: [...tokens, ...blocks, ...head] },
    { ...vit, id: "transformers-5-vit", signature: [...plain, queryOf5], rules: [...tokens, ...blocksOf5, ...head] },
  ];
}
