import type { TimmFamily } from "./types.ts";

type Shapes = ReadonlyMap<string, { readonly shape: readonly number[] }>;

const VITS: Readonly<Record<string, string>> = {
  "192 12": "tiny",
  "384 12": "small",
  "768 12": "base",
  "1024 24": "large",
  "1280 32": "huge",
};
const RESNETS: Readonly<Record<string, string>> = {
  "basic 2,2,2,2": "resnet18",
  "basic 3,4,6,3": "resnet34",
  "bottleneck 3,4,6,3": "resnet50",
  "bottleneck 3,4,23,3": "resnet101",
  "bottleneck 3,8,36,3": "resnet152",
};

/** What tensors under timm's names look like, e.g. "a ViT (vit_tiny_patch16_224: 12 blocks of width 192)". */
export function describeModel(family: TimmFamily, tensors: Shapes): string {
  const facts = family.id === "resnet" ? resnet(tensors) : vit(family, tensors);
  return facts === undefined ? family.title : `${family.title} (${facts})`;
}

function vit(family: TimmFamily, tensors: Shapes): string | undefined {
  const [width, , patch] = tensors.get("patch_embed.proj.weight")?.shape ?? [];
  const depth = count(tensors, (i) => `blocks.${i}.attn.qkv.weight`);
  if (width === undefined || patch === undefined) return undefined;
  const scaled = tensors.has("blocks.0.ls1.gamma") ? " with LayerScale" : "";
  const facts = `${depth} blocks of width ${width}${scaled}`;
  if (family.id === "vit-hybrid") return facts;
  const tokens = tensors.get("pos_embed")?.shape[1] ?? 0;
  const distilled = tensors.has("dist_token");
  const side = Math.sqrt(tokens - (distilled ? 2 : 1)) * patch;
  const size = VITS[`${width} ${depth}`];
  const name = distilled ? `deit_${size}_distilled` : `vit_${size}`;
  return size !== undefined && Number.isInteger(side) ? `${name}_patch${patch}_${side}: ${facts}` : facts;
}

function resnet(tensors: Shapes): string | undefined {
  const stages = [1, 2, 3, 4].map((s) => count(tensors, (b) => `layer${s}.${b}.conv1.weight`)).filter((n) => n > 0);
  const kind = tensors.has("layer1.0.conv3.weight") ? "bottleneck" : "basic";
  const width = tensors.get("conv1.weight")?.shape[0];
  const facts = `${kind} blocks ${stages.join(", ")}, first ${width} channels`;
  const cifar = kind === "basic" && stages.length === 3 && new Set(stages).size === 1;
  const name = cifar
    ? `resnet${6 * (stages[0] as number) + 2}_cifar${width === 16 ? "" : ` with model_args {"width": ${width}}`}`
    : width === 64
      ? RESNETS[`${kind} ${stages}`]
      : undefined;
  return name === undefined ? facts : `${name}: ${facts}`;
}

function count(tensors: Shapes, name: (i: number) => string): number {
  let n = 0;
  while (tensors.has(name(n))) n++;
  return n;
}
