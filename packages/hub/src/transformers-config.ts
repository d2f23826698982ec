import type { Preprocess } from "./config.ts";

type Json = Readonly<Record<string, unknown>>;

/** What a `config.json` of transformers comes to in timm's terms. */
export interface TransformersModel {
  /** timm's name. */
  readonly architecture: string;
  readonly numClasses: number;
  /** Undefined where they are only `LABEL_0`, `LABEL_1`, ... */
  readonly labels?: readonly string[];
}

/** hidden size, blocks and heads of timm's ViTs. */
const VITS: Readonly<Record<string, string>> = {
  "192 12 3": "tiny",
  "384 12 6": "small",
  "768 12 12": "base",
  "1024 24 16": "large",
  "1280 32 16": "huge",
};

/** The kind of block, the blocks of each stage and their widths. */
const RESNETS: Readonly<Record<string, string>> = {
  "basic 2,2,2,2 64,128,256,512": "resnet18",
  "basic 3,4,6,3 64,128,256,512": "resnet34",
  "bottleneck 3,4,6,3 256,512,1024,2048": "resnet50",
  "bottleneck 3,4,23,3 256,512,1024,2048": "resnet101",
  "bottleneck 3,8,36,3 256,512,1024,2048": "resnet152",
};

/** Whether a `config.json` is in the form of transformers. */
export function isTransformersConfig({ architecture, architectures, model_type }: Json): boolean {
  return architecture === undefined && (architectures !== undefined || model_type !== undefined);
}

/**
 * The model that transformers' config describes, where timm has the same one.
 *
 * @returns why not, where it has not
 */
export function transformersModel(raw: Json): TransformersModel | string {
  const architecture = architectureOf(raw);
  if (typeof architecture !== "string") return architecture.why;
  const names = raw.id2label;
  if (typeof names !== "object" || names === null) {
    const { num_labels: labels = 2 } = raw; // transformers' own default, which it does not write
    return typeof labels === "number" ? { architecture, numClasses: labels } : "its num_labels is no number";
  }
  const labels = Object.entries(names).sort(([a], [b]) => Number(a) - Number(b));
  if (!labels.every(([key, name], i) => key === String(i) && typeof name === "string")) {
    return "its id2label does not name the classes 0, 1, 2, ...";
  }
  const texts = labels.map(([, name]) => name as string);
  const named = texts.some((name, i) => name !== `LABEL_${i}`);
  return { architecture, numClasses: texts.length, ...(named && { labels: texts }) };
}

function architectureOf(raw: Json): string | { readonly why: string } {
  const type = raw.model_type;
  if (type === "vit" || type === "deit") {
    const size = VITS[`${raw.hidden_size ?? 768} ${raw.num_hidden_layers ?? 12} ${raw.num_attention_heads ?? 12}`];
    const hidden = Number(raw.hidden_size ?? 768);
    const as = (raw.qkv_bias ?? true) === true && (raw.hidden_act ?? "gelu") === "gelu";
    if (size === undefined || !as || (raw.intermediate_size ?? 3072) !== 4 * hidden || (raw.num_channels ?? 3) !== 3) {
      return { why: "it is a ViT of sizes that timm has no name for" };
    }
    const name = type === "vit" ? `vit_${size}` : `deit_${size}_distilled`;
    return `${name}_patch${raw.patch_size ?? 16}_${raw.image_size ?? 224}`;
  }
  if (type === "resnet") {
    const depths = raw.depths ?? [3, 4, 6, 3];
    const widths = raw.hidden_sizes ?? [256, 512, 1024, 2048];
    const name = RESNETS[`${raw.layer_type ?? "bottleneck"} ${depths} ${widths}`];
    const early = (raw.downsample_in_first_stage ?? false) || (raw.downsample_in_bottleneck ?? false);
    if (name === undefined || early || (raw.embedding_size ?? 64) !== 64 || (raw.hidden_act ?? "relu") !== "relu") {
      return { why: "it is a ResNet of sizes that timm has no name for" };
    }
    return name;
  }
  return { why: `it is of a model of type ${JSON.stringify(type)?.slice(0, 40)}` };
}

/** PIL's numbers, which transformers writes. */
const RESAMPLE = ["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"] as const;

/**
 * The preprocessing of a `preprocessor_config.json` of transformers, where timm's terms can say it.
 *
 * @returns undefined where they can't (a picture that is resized without its proportions and then cropped, say)
 */
export function transformersPreprocess(raw: Json): Preprocess | undefined {
  const size = raw.size as number | { height?: number; width?: number; shortest_edge?: number } | undefined;
  const [height, width] = typeof size === "number" ? [size, size] : [size?.height, size?.width];
  const edge = typeof size === "object" ? size.shortest_edge : undefined;
  const interpolation = RESAMPLE[Number(raw.resample ?? 2)];
  const mean = triple(raw.image_mean) ?? [0.5, 0.5, 0.5];
  const std = triple(raw.image_std) ?? [0.5, 0.5, 0.5];
  const plain = [raw.do_resize, raw.do_rescale, raw.do_normalize].every((step) => step === undefined || step === true);
  const scale = raw.rescale_factor ?? 1 / 255;
  if (interpolation === undefined || !plain || Math.abs(Number(scale) - 1 / 255) > 1e-9 || !std.every((s) => s > 0)) {
    return undefined;
  }
  const common = { interpolation, mean, std };
  if (isSide(height) && isSide(width) && raw.do_center_crop !== true) {
    return { ...common, inputSize: [3, height, width], cropPct: 1, cropMode: "squash" };
  }
  // ConvNextImageProcessor, which ResNets have: the shorter side to edge / crop_pct, then the middle. From 384 on it squashes.
  const cropPct = raw.crop_pct ?? 224 / 256;
  if (
    isSide(edge) &&
    edge < 384 &&
    raw.crop_size === undefined &&
    typeof cropPct === "number" &&
    cropPct > 0 &&
    cropPct <= 1
  ) {
    return { ...common, inputSize: [3, edge, edge], cropPct, cropMode: "center" };
  }
  return undefined;
}

function isSide(n: unknown): n is number {
  return typeof n === "number" && Number.isInteger(n) && n >= 1 && n <= 16_384;
}

function triple(value: unknown): readonly [number, number, number] | undefined {
  const sound = Array.isArray(value) && value.length === 3 && value.every((v) => Number.isFinite(v));
  return sound ? (value as [number, number, number]) : undefined;
}
