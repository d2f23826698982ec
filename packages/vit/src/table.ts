/** What the entries of the table of models have in common. */
import type { ParamStore, Preprocess } from "@vitrail/layers";
import { adaptViT, encoderLayers } from "./adapt.ts";
import { ViT, type ViTConfig } from "./vit.ts";

const build = (params: ParamStore, config: ViTConfig): ViT => new ViT(params, config);
const withClasses = (config: ViTConfig, numClasses: number): ViTConfig => ({ ...config, numClasses });

/** What every entry has: how it is built, adapted and counted. */
export const shared = { build, head: "head", withClasses, adapt: adaptViT, layers: encoderLayers } as const;

export const tiny = { embedDim: 192, depth: 12, numHeads: 3, mlpRatio: 4, numClasses: 1000 } as const;
export const small = { embedDim: 384, depth: 12, numHeads: 6, mlpRatio: 4, numClasses: 1000 } as const;
export const base = { embedDim: 768, depth: 12, numHeads: 12, mlpRatio: 4, numClasses: 1000 } as const;
export const large = { embedDim: 1024, depth: 24, numHeads: 16, mlpRatio: 4, numClasses: 1000 } as const;

/** Mean and deviation of 0.5, unlike ImageNet's: with those the same weights lose some 30 points. */
const half = { interpolation: "bicubic", cropMode: "center", mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } as const;
export const at224: Preprocess = { ...half, inputSize: [3, 224, 224], cropPct: 0.9 };
export const at384: Preprocess = { ...half, inputSize: [3, 384, 384], cropPct: 1 };
/** DeiT's: the same networks on ImageNet's mean and deviation. */
const imagenet = { ...half, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;
export const deit224: Preprocess = { ...imagenet, inputSize: [3, 224, 224], cropPct: 0.9 };
export const deit384: Preprocess = { ...imagenet, inputSize: [3, 384, 384], cropPct: 1 };
