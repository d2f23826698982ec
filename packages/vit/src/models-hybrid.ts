/** Hybrids by name. This package holds no backbone, so each is a function of the one that its name says. */
import type { ModelSpec } from "@vitrail/layers";
import type { BackboneSpec, HybridViT, HybridViTConfig } from "./hybrid.ts";
import { hybridSpec } from "./hybrid-spec.ts";

/**
 * A hybrid for 32-pixel images, named as timm's `vit_small_r26_s32_224`: the 8 x 8 x 64 map of the whole ResNet-20 for CIFAR is 64
 * tokens of 4 blocks; 0.82 M parameters, 0.08 GMACs. Images are normalised as for the backbone.
 *
 * @example
 * const spec = vit_mini_r20_s4_32(cifarBackbone(resnet20_cifar)); // of `@vitrail/resnet`
 * const model = loadHybrid(spec, { backbone: checkpoint.tensors });
 */
export function vit_mini_r20_s4_32(backbone: BackboneSpec): ModelSpec<HybridViTConfig, HybridViT> {
  const config: HybridViTConfig = {
    imgSize: 32,
    patchSize: 1,
    backbone,
    embedDim: 128,
    depth: 4,
    numHeads: 4,
    mlpRatio: 2,
    numClasses: 10,
    globalPool: "avg", // of few images and steps, the mean of the tokens learns sooner than one token that collects them
  };
  return hybridSpec("vit_mini_r20_s4_32", config, backbone.preprocess);
}
